using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Gantry.Faults;
using Gantry.Oci.Runtime;

namespace Gantry.Oci.Tests;

public sealed class RuntimeSpecTests
{
    /// <summary>Every member of every type, so that what the writer writes and the reader reads cannot drift apart.</summary>
    private static readonly string Everything = """
        {"ociVersion":"1.2.0","root":{"path":"r","readonly":true},
        "mounts":[{"destination":"/d","type":"t","source":"s","options":["a","b"],"uidMappings":[{"containerID":1,"hostID":2,"size":3}],"gidMappings":[{"containerID":4,"hostID":5,"size":6}]}],
        "process":{"terminal":true,"consoleSize":{"height":3,"width":4},"user":{"uid":1,"gid":2,"umask":3,"additionalGids":[4,5]},"args":["a"],"env":["b"],"cwd":"/c",
        "capabilities":{"bounding":["1"],"effective":["2"],"inheritable":["3"],"permitted":["4"],"ambient":["5"]},"rlimits":[{"type":"x","hard":18446744073709551615,"soft":7}],
        "noNewPrivileges":true,"apparmorProfile":"p","oomScoreAdj":-5,"selinuxLabel":"l",
        "scheduler":{"policy":"SCHED_FIFO","nice":-3,"priority":4,"flags":["f"],"runtime":5,"deadline":6,"period":7},
        "ioPriority":{"class":"IOPRIO_CLASS_BE","priority":4},"execCPUAffinity":{"initial":"0","final":"1-2"}},
        "hostname":"h","domainname":"dn",
        "hooks":{"prestart":[{"path":"/1","args":["a"],"env":["e"],"timeout":1}],"createRuntime":[{"path":"/2"}],"createContainer":[{"path":"/3"}],"startContainer":[{"path":"/4"}],"poststart":[{"path":"/5"}],"poststop":[{"path":"/6"}]},
        "annotations":{"k":"v"},
        "linux":{"namespaces":[{"type":"pid","path":"/p"}],"uidMappings":[{"containerID":1,"hostID":2,"size":3}],"gidMappings":[{"containerID":1,"hostID":2,"size":3}],
        "devices":[{"type":"c","path":"/x","major":1,"minor":2,"fileMode":438,"uid":1,"gid":2}],"cgroupsPath":"/cg",
        "resources":{"devices":[{"allow":true,"type":"c","major":1,"minor":-1,"access":"r"}],
        "memory":{"limit":1,"reservation":2,"swap":3,"swappiness":4,"disableOOMKiller":true,"checkBeforeUpdate":true},
        "cpu":{"shares":1,"quota":2,"burst":3,"period":4,"realtimeRuntime":5,"realtimePeriod":6,"cpus":"0","mems":"1","idle":1},"pids":{"limit":9},
        "blockIO":{"weight":10,"throttleReadBpsDevice":[{"major":1,"minor":2,"rate":3}],"throttleWriteBpsDevice":[{"major":1,"minor":2,"rate":4}],"throttleReadIOPSDevice":[{"major":1,"minor":2,"rate":5}],"throttleWriteIOPSDevice":[{"major":1,"minor":2,"rate":6}]},
        "hugepageLimits":[{"pageSize":"2MB","limit":7}],"unified":{"memory.high":"1"}},
        "rootfsPropagation":"slave",
        "seccomp":{"defaultAction":"A","defaultErrnoRet":1,"architectures":["B"],"flags":["F"],"listenerPath":"/l","listenerMetadata":"m","syscalls":[{"names":["n"],"action":"C","errnoRet":2,"args":[{"index":1,"value":18446744073709551615,"valueTwo":3,"op":"O"}]}]},
        "sysctl":{"a.b":"c"},"maskedPaths":["/m"],"readonlyPaths":["/ro"],"mountLabel":"ml",
        "timeOffsets":{"monotonic":{"secs":-1,"nanosecs":2}},"personality":{"domain":"LINUX32","flags":["f"]},
        "intelRdt":{"closID":"c","schemata":["s"],"l3CacheSchema":"l","memBwSchema":"m","enableMonitoring":true,"enableCMT":true,"enableMBM":true},
        "netDevices":{"eth1":{"name":"eth0"}}}}
        """;

    [Fact]
    public void ReadAndWrite_EveryMember_KeepsTheDocument()
    {
        var written = RuntimeSpecJson.Write(RuntimeSpecJson.ReadSpec(Encoding.UTF8.GetBytes(Everything)));
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(Everything), JsonNode.Parse(written)), Encoding.UTF8.GetString(written));
    }

    [Fact]
    public void Read_UnknownMembersAndNulls_AreIgnored()
    {
        var spec = RuntimeSpecJson.ReadSpec("""{"x":{"y":[1,{"z":null}]},"hostname":null,"root":{"path":"p","more":[]}}"""u8);
        Assert.Equal(("p", null), (spec.Root!.Path, spec.Hostname));
    }

    [Fact]
    public void Read_EveryTruncation_IsAFaultWithAPlace()
    {
        var json = Encoding.UTF8.GetBytes(Everything.Trim());
        for (var length = 0; length < json.Length; length++)
        {
            var fault = Assert.Throws<FaultException>(() => RuntimeSpecJson.ReadSpec(json.AsSpan(0, length), "c.json"));
            Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
            Assert.StartsWith("c.json: $", fault.Message);
        }
    }

    [Theory]
    [InlineData("""{"process":{"user":{"uid":-1}}}""", "$.process.user.uid (line 1): expected a whole number from 0 to 4294967295, found -1")]
    [InlineData("""{"process":{"args":["a",7]}}""", "$.process.args[1] (line 1): expected a string, found 7")]
    [InlineData("{\n\"mounts\":[{},\n{\"options\":{}}]}", "$.mounts[1].options (line 3): expected an array, found an object")]
    [InlineData("""{"linux":{"sysctl":{"a":1}}}""", "$.linux.sysctl.a (line 1): expected a string, found 1")]
    [InlineData("""{"process":{"terminal":"yes"}}""", "$.process.terminal (line 1): expected true or false, found yes")]
    [InlineData("""{"linux":{"resources":{"memory":{"limit":1.5}}}}""", "$.linux.resources.memory.limit (line 1): expected a whole number, found 1.5")]
    [InlineData("""{"process":{"args":[null]}}""", "$.process.args[0] (line 1): expected a string, found null")]
    [InlineData("""{} {}""", "malformed")]
    public void Read_WrongValue_NamesItsPlaceAndWhatIsRight(string json, string expected)
    {
        var fault = Assert.Throws<FaultException>(() => RuntimeSpecJson.ReadSpec(Encoding.UTF8.GetBytes(json)));
        Assert.Contains(expected, fault.Message);
    }

    [Fact]
    public void Read_SeveralWrongValues_NamesThemAll()
    {
        var json = """{"hostname":1,"root":[],"mounts":[{"destination":{}},7],"process":{"args":[1,"a",null],"cwd":true},"linux":"x"}""";
        var fault = Assert.Throws<FaultException>(() => RuntimeSpecJson.ReadSpec(Encoding.UTF8.GetBytes(json)));
        string[] expected =
        [
            "$.hostname", "$.root", "$.mounts[0].destination", "$.mounts[1]", "$.process.args[0]", "$.process.args[2]",
            "$.process.cwd", "$.linux",
        ];
        Assert.Equal(expected, fault.Message["config.json: ".Length..].Split("; ").Select(static part => part.Split(' ')[0]));
    }

    [Fact]
    public void Read_EveryValueOfEveryWrongType_NamesTheField()
    {
        var root = JsonNode.Parse(Everything)!;
        JsonNode?[] replacements = [JsonValue.Create("text"), JsonValue.Create(-1.5), JsonValue.Create(true), new JsonArray(), new JsonObject()];
        var tried = 0;
        foreach (var path in AllNodes(root, "$").Select(static item => item.Path).ToList())
        {
            foreach (var replacement in replacements)
            {
                var copy = JsonNode.Parse(Everything)!;
                var former = Find(copy, path);
                var kind = former.GetValueKind();
                if (kind == replacement!.GetValueKind() && kind != JsonValueKind.Number)
                {
                    continue; // the right type; a number that is no whole one is wrong
                }
                former.ReplaceWith(replacement.DeepClone());
                var fault = Assert.Throws<FaultException>(() => RuntimeSpecJson.ReadSpec(Encoding.UTF8.GetBytes(copy.ToJsonString())));
                Assert.Equal(FaultKind.InvalidArgument, fault.Kind);
                Assert.StartsWith($"config.json: {path} (line 1): expected ", fault.Message);
                tried++;
            }
        }
        Assert.True(tried > 700, $"{tried}");
    }

    private static JsonNode Find(JsonNode root, string path) => AllNodes(root, "$").First(item => item.Path == path).Node;

    private static IEnumerable<(string Path, JsonNode Node)> AllNodes(JsonNode node, string path)
    {
        var children = node switch
        {
            JsonObject members => members.Select(member => ($"{path}.{member.Key}", member.Value!)),
            JsonArray items => items.Select((item, index) => ($"{path}[{index}]", item!)),
            _ => [],
        };
        foreach (var (childPath, child) in children)
        {
            yield return (childPath, child);
            foreach (var deeper in AllNodes(child, childPath))
            {
                yield return deeper;
            }
        }
    }
}
