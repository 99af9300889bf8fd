using Gantry.Faults;
using Gantry.Linux.Cgroups;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Tests.Systemd;

/// <summary>Values of annotations, device rules, and processors as properties of a unit.</summary>
public sealed class UnitPropertyTests
{
    [Theory]
    [InlineData("TimeoutStopSec", "7", "TimeoutStopUSec t 7000000")]
    [InlineData("TimeoutStopSec", "double 1.5", "TimeoutStopUSec t 1500000")]
    [InlineData("TimeoutStopUSec", "uint64 1234", "TimeoutStopUSec t 1234")]
    [InlineData("CollectMode", "'inactive-or-failed'", "CollectMode s inactive-or-failed")]
    [InlineData("Description", "\"it\\'s \\\"here\\\"\"", "Description s it's \"here\"")]
    [InlineData("SendSIGHUP", "true", "SendSIGHUP b true")]
    [InlineData("CPUShares", "int32 -5", "CPUShares i -5")]
    [InlineData("Requires", "['a.service', 'b.service']", "Requires as [a.service, b.service]")]
    [InlineData("Requires", "@as []", "Requires as []")]
    [InlineData("AllowedCPUs", "[byte 0x01, 255]", "AllowedCPUs ay [1, 255]")]
    [InlineData("Numbers", "[uint64 1, 2, 3]", "Numbers at [1, 2, 3]")]
    public void Annotation_Value_IsAVariant(string name, string text, string expected)
    {
        var property = Assert.Single(PropertyText.Read(new Dictionary<string, string> { [PropertyText.Prefix + name] = text, ["other"] = "x" }));
        var writer = new BusWriter();
        property.Write(writer);
        var read = (object[])new WireReader(writer.Written.ToArray()).ReadAll("(sv)")[0];
        Assert.Equal(expected, $"{read[0]} {property.Signature} {WireReader.Text(read[1])}");
    }

    [Theory]
    [InlineData("X", "1")]
    [InlineData("Bad-Name", "1")]
    [InlineData("Name", "")]
    [InlineData("Name", "word")]
    [InlineData("Name", "'open")]
    [InlineData("Name", "1 2")]
    [InlineData("Name", "[]")]
    [InlineData("Name", "[1, 'a']")]
    [InlineData("Name", "[1")]
    [InlineData("Name", "[['a']]")]
    [InlineData("Name", "byte 256")]
    [InlineData("Name", "uint32 -1")]
    [InlineData("Name", "99999999999999999999999999999999999999999999999999")]
    [InlineData("Name", "@a{sv} []")]
    [InlineData("WaitSec", "'long'")]
    [InlineData("WaitSec", "-1")]
    [InlineData("WaitSec", "1e300")]
    public void Annotation_NoValue_IsRefusedByName(string name, string text)
    {
        var fault = Assert.Throws<FaultException>(() => PropertyText.Read(new Dictionary<string, string> { [PropertyText.Prefix + name] = text }));
        Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
        Assert.StartsWith($"annotations.org.systemd.property.{name}", fault.Message);
    }

    [Fact]
    public void Annotation_AnyText_IsAValueOrAFault()
    {
        var random = new Random(11);
        const string Letters = "[]@as'\"\\, 019-.xeutrint64falsbyd";
        for (var round = 0; round < 100_000; round++)
        {
            var text = string.Concat(Enumerable.Range(0, random.Next(24)).Select(_ => Letters[random.Next(Letters.Length)]));
            try
            {
                PropertyText.Read(new Dictionary<string, string> { [PropertyText.Prefix + "Name"] = text })[0].Write(new BusWriter());
            }
            catch (FaultException)
            {
                continue;
            }
        }
    }

    [Theory]
    [InlineData("-a", "DevicePolicy=strict []")]
    [InlineData("-a +c10:200", "DevicePolicy=strict [] [/dev/char/10:200]")]
    [InlineData("-a +c*:* +b8:*", "DevicePolicy=strict [] [char-* block-8]")]
    [InlineData("-a +a4:5", "DevicePolicy=strict [] [/dev/char/4:5 /dev/block/4:5]")]
    [InlineData("+a", "DevicePolicy=auto []")]
    [InlineData("-a +c1:3 +a", "DevicePolicy=auto []")]
    [InlineData("+a -a +c1:3", "DevicePolicy=strict [] [/dev/char/1:3]")]
    [InlineData("-a +c*:5", null)]
    [InlineData("-a +c1:3 -c1:3", null)]
    [InlineData("-c1:3", null)]
    public void Devices_OfRules_AreListsOrLeftToTheCgroup(string rules, string? expected)
    {
        var properties = DeviceProperties.Convert([.. rules.Split(' ').Select(Rule)]);
        var text = properties is null
            ? null
            : string.Join(' ', properties.Select(static item => item.Value is string policy
                ? $"{item.Name}={policy}"
                : $"[{string.Join(' ', ((List<(string, string)>)item.Value).Select(static pair => pair.Item1))}]"));
        Assert.Equal(expected, text);
    }

    [Theory]
    [InlineData("0", "01")]
    [InlineData("0-3,7", "8F")]
    [InlineData("8", "0001")]
    [InlineData(" 1 , 2 ,", "06")]
    [InlineData("3-1", null)]
    [InlineData("", null)]
    [InlineData("0-99999", null)]
    [InlineData("a", null)]
    [InlineData("1-2-3", null)]
    public void Processors_OfAList_AreBits(string list, string? expected)
    {
        if (expected is null)
        {
            Assert.Contains("cpus", Assert.Throws<FaultException>(() => ResourceProperties.ToBits("cpus", list)).Message);
            return;
        }
        Assert.Equal(expected, Convert.ToHexString(ResourceProperties.ToBits("cpus", list)));
    }

    private static DeviceRule Rule(string text)
    {
        var numbers = text.Length > 2 ? text[2..].Split(':') : ["*", "*"];
        return new DeviceRule(text[0] == '+', text[1], Number(numbers[0]), Number(numbers[1]), "rwm");

        static long Number(string part) => part == "*" ? -1 : long.Parse(part);
    }
}
