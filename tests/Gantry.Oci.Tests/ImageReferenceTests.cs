using Gantry.Faults;

namespace Gantry.Oci.Tests;

public sealed class ImageReferenceTests
{
    private const string Hex = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    [Theory]
    [InlineData("busybox", "docker.io/library/busybox", "busybox:latest")]
    [InlineData("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36")]
    [InlineData("user/app", "docker.io/user/app", "user/app:latest")]
    [InlineData("index.docker.io/busybox", "docker.io/library/busybox", "busybox:latest")]
    [InlineData("docker.io/library/busybox", "docker.io/library/busybox", "busybox:latest")]
    [InlineData("localhost/app", "localhost/app", "localhost/app:latest")]
    [InlineData("localhost:5000/x", "localhost:5000/x", "localhost:5000/x:latest")]
    [InlineData("localhost:5000/x:1", "localhost:5000/x:1", "localhost:5000/x:1")]
    [InlineData("[::1]:5000/x", "[::1]:5000/x", "[::1]:5000/x:latest")]
    [InlineData("a.b/c/d__e/f-g--h:T.x_9", "a.b/c/d__e/f-g--h:T.x_9", "a.b/c/d__e/f-g--h:T.x_9")]
    [InlineData("Upper/app", "Upper/app", "Upper/app:latest")]
    [InlineData("x@sha256:" + Hex, "docker.io/library/x@sha256:" + Hex, "x@sha256:" + Hex)]
    [InlineData("x:1@sha256:" + Hex, "docker.io/library/x:1@sha256:" + Hex, "x:1@sha256:" + Hex)]
    public void Parse_OfValid_Normalises(string text, string canonical, string familiar)
    {
        var reference = ImageReference.Parse(text);
        Assert.Equal(canonical, reference.ToString());
        Assert.Equal(familiar, reference.WithDefaultTag().Familiar);
        Assert.Equal(reference, ImageReference.Parse(reference.ToString()));
    }

    [Theory]
    [InlineData("", "invalid reference format")]
    [InlineData(":tag", "invalid reference format")]
    [InlineData("a//b", "invalid reference format")]
    [InlineData("/a", "invalid reference format")]
    [InlineData("a/", "invalid reference format")]
    [InlineData("a:b:c", "invalid reference format")]
    [InlineData("a:-x", "invalid reference format")]
    [InlineData("a..b", "invalid reference format")]
    [InlineData("a___b", "invalid reference format")]
    [InlineData("-a", "invalid reference format")]
    [InlineData("a@sha256:12", "invalid reference format")]
    [InlineData("a b", "invalid reference format")]
    [InlineData("a:", "invalid reference format")]
    [InlineData("host:port/x", "invalid reference format")]
    [InlineData("App", "invalid reference format: repository name (library/App) must be lowercase")]
    [InlineData(Hex, "invalid repository name (" + Hex + "), cannot specify 64-byte hexadecimal strings")]
    public void Parse_OfInvalid_SaysWhyInDockersWords(string text, string message)
    {
        var fault = Assert.Throws<FaultException>(() => ImageReference.Parse(text));
        Assert.Equal((FaultKind.InvalidArgument, message), (fault.Kind, fault.Message));
    }

    [Fact]
    public void Parse_OfLongNames_HasDockersLimits()
    {
        Assert.Equal("repository name must not be more than 255 characters", Assert.Throws<FaultException>(() => ImageReference.Parse(new string('a', 250))).Message);
        Assert.NotNull(ImageReference.Parse("a:" + new string('t', 128)));
        Assert.Throws<FaultException>(() => ImageReference.Parse("a:" + new string('t', 129)));
    }

    [Fact]
    public void Parse_OfRandomText_RoundTripsOrFaults()
    {
        var random = new Random(42);
        const string alphabet = "aZ09._-/:@[]+ lsh256";
        var accepted = 0;
        for (var i = 0; i < 100_000; i++)
        {
            var text = new string([.. Enumerable.Range(0, random.Next(1, 16)).Select(_ => alphabet[random.Next(alphabet.Length)])]);
            if (ImageReference.TryParse(text, out var reference, out var error))
            {
                accepted++;
                Assert.Equal(reference, ImageReference.Parse(reference.ToString()));
                Assert.Equal(reference, ImageReference.Parse(reference.Familiar));
            }
            else
            {
                Assert.NotEmpty(error);
            }
        }
        Assert.InRange(accepted, 1000, 99_000);
    }
}
