using System.Diagnostics;
using System.Text;
using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Linux.Trees;

namespace Gantry.Images.Tests.Tar;

public sealed class TarRoundTripTests
{
    [Fact]
    public void Entries_WrittenAndRead_AreTheSame()
    {
        var entries = new[]
        {
            new TarEntry { Name = "dir/", Type = TarEntryType.Directory, Permissions = 0x1ed, Modified = new(1_700_000_000, 0) },
            new TarEntry { Name = "dir/" + new string('n', 180), Type = TarEntryType.Regular, SizeBytes = 3, Permissions = 0x9ff },
            new TarEntry { Name = "ünï/çode", Type = TarEntryType.Symlink, LinkName = new string('l', 300) },
            new TarEntry { Name = "big", Type = TarEntryType.Fifo, Uid = 4_000_000_000, Gid = 3_000_000, Modified = new(-5, 0) },
            new TarEntry { Name = "dev", Type = TarEntryType.CharacterDevice, Device = new(8, 300) },
            new TarEntry { Name = "x", Type = TarEntryType.Regular, Xattrs = [new("security.capability", [1, 0, 255, 10, 0])] },
        };
        var archive = ImageRoot.Tar(writer =>
        {
            foreach (var entry in entries)
            {
                writer.Write(entry, entry.SizeBytes > 0 ? new MemoryStream("abc"u8.ToArray()) : null);
            }
        });

        var reader = new TarReader(new MemoryStream(archive));
        foreach (var expected in entries)
        {
            var actual = reader.Next()!;
            Assert.Equal(expected with { Xattrs = [] }, actual with { Xattrs = [] });
            Assert.Equal(expected.Xattrs.Select(xattr => Convert.ToHexString(xattr.Value)), actual.Xattrs.Select(xattr => Convert.ToHexString(xattr.Value)));
            Assert.Equal(expected.SizeBytes, new StreamReader(reader.Data).ReadToEnd().Length);
        }
        Assert.Null(reader.Next());
    }

    [Theory]
    [InlineData("--format=gnu")]
    [InlineData("--format=pax")]
    [InlineData("--format=ustar")]
    public void Archives_OfTheSystemsTar_AreRead(string format)
    {
        var directory = Directory.CreateTempSubdirectory("gantry-tar-test-");
        try
        {
            var longName = string.Join('/', Enumerable.Repeat(new string('d', 40), 4));
            Directory.CreateDirectory(Path.Combine(directory.FullName, longName));
            File.WriteAllText(Path.Combine(directory.FullName, longName, "file"), "content");
            File.CreateSymbolicLink(Path.Combine(directory.FullName, "link"), longName);
            var found = new Dictionary<string, TarEntryType>();
            var content = "";
            var reader = new TarReader(new MemoryStream(SystemTar(directory.FullName, format)));
            while (reader.Next() is { } entry)
            {
                found[TarPath.Clean(entry.Name)] = entry.Type;
                content += entry.Type == TarEntryType.Regular ? new StreamReader(reader.Data).ReadToEnd() : "";
            }
            Assert.Equal(TarEntryType.Regular, found[longName + "/file"]);
            Assert.Equal(TarEntryType.Symlink, found["link"]);
            Assert.Equal("content", content);
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    [Fact]
    public void Archive_IsReadableByTheSystemsTar()
    {
        var archive = ImageRoot.Tar(writer =>
        {
            writer.WriteFile("a/" + new string('x', 150), "1"u8.ToArray());
            writer.WriteFile("ü", "2"u8.ToArray());
        });
        var start = new ProcessStartInfo("tar", ["-t", "--quoting-style=literal"]) { RedirectStandardInput = true, RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        process.StandardInput.BaseStream.Write(archive);
        process.StandardInput.Close();
        Assert.Equal($"a/{new string('x', 150)}\nü\n", process.StandardOutput.ReadToEnd());
    }

    [Fact]
    public void Reader_OnEveryTruncation_EndsOrFaultsButNeverInventsContent()
    {
        var archive = ImageRoot.Tar(writer =>
        {
            writer.WriteFile("first", new byte[700]);
            writer.WriteFile(new string('n', 120), "abc"u8.ToArray());
        });
        for (var length = 0; length < archive.Length; length += 37)
        {
            var reader = new TarReader(new MemoryStream(archive, 0, length));
            try
            {
                while (reader.Next() is { } entry)
                {
                    var content = new MemoryStream();
                    reader.Data.CopyTo(content);
                    Assert.Equal(entry.SizeBytes, content.Length);
                }
                // Only between entries, or in the trailer after its first block.
                Assert.True(length % 512 == 0 || length >= archive.Length - 512, $"accepted a cut at {length}");
            }
            catch (FaultException fault)
            {
                Assert.Equal(FaultKind.DataLoss, fault.Kind);
            }
        }
    }

    [Fact]
    public void Reader_OnRandomDamage_OnlyThrowsFaults()
    {
        var random = new Random(4711);
        var archive = ImageRoot.Tar(writer =>
        {
            writer.WriteFile(new string('n', 120), "abc"u8.ToArray());
            writer.Write(new TarEntry { Name = "l", Type = TarEntryType.Symlink, LinkName = new string('t', 200), Modified = new(-1, 0) });
            writer.Write(new TarEntry { Name = "x", Type = TarEntryType.Regular, Xattrs = [new("user.a", [1, 2, 3])] });
        });
        for (var round = 0; round < 5000; round++)
        {
            var damaged = (byte[])archive.Clone();
            for (var i = random.Next(1, 6); i > 0; i--)
            {
                damaged[random.Next(damaged.Length)] = (byte)random.Next(256);
            }
            // A right checksum lets the damage through to the parser of the fields.
            for (var block = 0; block < damaged.Length; block += 512)
            {
                FixChecksum(damaged.AsSpan(block, 512));
            }
            try
            {
                var reader = new TarReader(new MemoryStream(damaged));
                while (reader.Next() is not null)
                {
                }
            }
            catch (FaultException)
            {
                // The declared outcome for malformed input.
            }
        }
    }

    [Theory]
    [InlineData("a/b", "a/b")]
    [InlineData("/a//b/./c/", "a/b/c")]
    [InlineData("./", "")]
    [InlineData("a/../b", "b")]
    public void Clean_OfName(string name, string expected) => Assert.Equal(expected, TarPath.Clean(name));

    [Theory]
    [InlineData("../a")]
    [InlineData("a/../../b")]
    [InlineData("/..")]
    public void Clean_OfNameThatClimbsOut_Faults(string name) => Assert.Throws<FaultException>(() => TarPath.Clean(name));

    private static void FixChecksum(Span<byte> header)
    {
        header[148..156].Fill((byte)' ');
        var sum = 0;
        foreach (var value in header)
        {
            sum += value;
        }
        Encoding.ASCII.GetBytes(Convert.ToString(sum, 8).PadLeft(6, '0') + "\0 ").CopyTo(header[148..]);
    }

    private static byte[] SystemTar(string directory, string format)
    {
        using var process = Process.Start(new ProcessStartInfo("tar", ["-C", directory, format, "-c", "."]) { RedirectStandardOutput = true })!;
        var output = new MemoryStream();
        process.StandardOutput.BaseStream.CopyTo(output);
        return output.ToArray();
    }
}
