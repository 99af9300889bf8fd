using System.Text.Json.Nodes;

namespace Gantry.Runtime.Tests;

/// <summary>Contradictions in a configuration: each is named with its field and what to do, all at once, and nothing is left.</summary>
public sealed class SpecCheckTests(RuntimeFixture fixture) : IClassFixture<RuntimeFixture>
{
    [Theory]
    [InlineData("""{"ociVersion":"2.0.0"}""", "ociVersion: \"2.0.0\" is not supported")]
    [InlineData("""{"root":{"path":""}}""", "root.path: required")]
    [InlineData("""{"hostname":"h","linux":{"namespaces":[{"type":"mount"}]}}""", "hostname: needs a uts namespace")]
    [InlineData("""{"hostname":null,"domainname":"d","linux":{"namespaces":[{"type":"mount"}]}}""", "domainname: needs a uts namespace")]
    [InlineData("""{"linux":{"namespaces":[{"type":"mount"},{"type":"mount"}]}}""", "linux.namespaces[1].type: mount is listed twice")]
    [InlineData("""{"linux":{"namespaces":[{"type":"net"}]}}""", "linux.namespaces[0].type: \"net\" is not one of")]
    [InlineData("""{"linux":{"namespaces":[{"type":"pid","path":"ns"}]}}""", "linux.namespaces[0].path: \"ns\" must be absolute")]
    [InlineData("""{"linux":{"uidMappings":[{"containerID":0,"hostID":0,"size":1}]}}""", "need a user namespace")]
    [InlineData("""{"linux":{"namespaces":[{"type":"user"}]}}""", "linux.uidMappings: required for a new user namespace; linux.gidMappings: required")]
    [InlineData("""{"linux":{"namespaces":[{"type":"user"}],"uidMappings":[{"size":0}],"gidMappings":[{"size":4294967295,"hostID":9}]}}""", "linux.uidMappings[0].size: must be above zero; linux.gidMappings[0].size: 4294967295 goes past")]
    [InlineData("""{"linux":{"timeOffsets":{"monotonic":{"secs":1}}}}""", "linux.timeOffsets: need a time namespace")]
    [InlineData("""{"linux":{"namespaces":[{"type":"time"}],"timeOffsets":{"tai":{"nanosecs":1000000000}}}}""", "linux.timeOffsets.tai: is not monotonic or boottime; linux.timeOffsets.tai.nanosecs")]
    [InlineData("""{"linux":{"sysctl":{"vm.swappiness":"1"}}}""", "linux.sysctl.vm.swappiness: is not isolated by any namespace")]
    [InlineData("""{"linux":{"sysctl":{"net/../vm/swappiness":"1"}}}""", "is not isolated by any namespace")]
    [InlineData("""{"linux":{"sysctl":{"net.ipv4.ip_forward":"1"},"namespaces":[{"type":"mount"}]},"hostname":null}""", "linux.sysctl.net.ipv4.ip_forward: needs a network namespace")]
    [InlineData("""{"linux":{"sysctl":{"net.ipv4.ip_forward":"1"},"namespaces":[{"type":"network","path":"/proc/self/ns/net"}]}}""", "needs a network namespace that is not the host's")]
    [InlineData("""{"linux":{"sysctl":{"kernel.hostname":"x"}}}""", "linux.sysctl.kernel.hostname: is what the field hostname sets")]
    [InlineData("""{"linux":{"sysctl":{"kernel.msgmaxx":"1"}}}""", "linux.sysctl.kernel.msgmaxx: is not isolated")]
    [InlineData("""{"mounts":[{"destination":"","type":"tmpfs"}]}""", "mounts[0].destination: required")]
    [InlineData("""{"mounts":[{"destination":"/x","source":"/y"}]}""", "mounts[0].type: required")]
    [InlineData("""{"mounts":[{"destination":"/x","options":["bind"]}]}""", "mounts[0].source: a bind mount needs one")]
    [InlineData("""{"mounts":[{"destination":"/x","type":"tmpfs","uidMappings":[{"size":1}],"gidMappings":[{"size":1}]}]}""", "mounts[0]: only a bind mount can be id-mapped")]
    [InlineData("""{"mounts":[{"destination":"/x","source":"/y","options":["bind","idmap"]}]}""", "mounts[0].options: idmap needs")]
    [InlineData("""{"mounts":[{"destination":"/x","source":"/y","options":["bind"],"uidMappings":[{"size":1}]}]}""", "uidMappings and gidMappings go together")]
    [InlineData("""{"mounts":[{"destination":"/x","source":"/y","options":["bind","copy-symlink","src-nofollow"]}]}""", "copy-symlink does not go with")]
    [InlineData("""{"linux":{"rootfsPropagation":"public"}}""", "linux.rootfsPropagation: \"public\"")]
    [InlineData("""{"linux":{"maskedPaths":["proc"],"readonlyPaths":[""]}}""", "linux.maskedPaths[0]: \"proc\" must be absolute; linux.readonlyPaths[0]: required")]
    [InlineData("""{"linux":{"devices":[{"path":"/dev/x","type":"z"}]}}""", "linux.devices[0].type: \"z\" is not c, b, u or p")]
    [InlineData("""{"linux":{"devices":[{"path":"/dev/..","type":"c","major":1,"minor":-1}]}}""", "linux.devices[0]: 1:-1 is no device number")]
    [InlineData("""{"linux":{"personality":{"domain":"BSD"}}}""", "linux.personality.domain: \"BSD\"")]
    [InlineData("""{"linux":{"intelRdt":{"closID":"a/b"}}}""", "linux.intelRdt")]
    [InlineData("""{"linux":{"netDevices":{"eth1":{}}}}""", "linux.netDevices: there is no network device eth1 in the runtime's namespace")]
    [InlineData("""{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_NOTIFY"}}}""", "linux.seccomp.defaultAction: SCMP_ACT_NOTIFY would stop the runtime")]
    [InlineData("""{"linux":{"seccomp":{"defaultAction":"ALLOW","flags":["X"],"syscalls":[{"names":[],"action":"SCMP_ACT_ALLOW","errnoRet":1,"args":[{"index":6,"op":"EQ"}]}]}}}""", "linux.seccomp.flags: there is no \"X\"")]
    [InlineData("""{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}]}}}""", "linux.seccomp.listenerPath: required with SCMP_ACT_NOTIFY")]
    [InlineData("""{"process":{"args":[]}}""", "process.args: must name a program")]
    [InlineData("""{"process":{"cwd":"x"}}""", "process.cwd: \"x\" must be an absolute path")]
    [InlineData("""{"process":{"env":["A\u0000B"]}}""", "process.env[0]: has a zero byte")]
    [InlineData("""{"process":{"oomScoreAdj":1001}}""", "process.oomScoreAdj: 1001")]
    [InlineData("""{"process":{"rlimits":[{"type":"RLIMIT_X"},{"type":"RLIMIT_CPU","soft":2,"hard":1}]}}""", "process.rlimits[0].type: there is no RLIMIT_X")]
    [InlineData("""{"process":{"scheduler":{"policy":"SCHED_FAST"}}}""", "process.scheduler.policy: there is no \"SCHED_FAST\"")]
    [InlineData("""{"process":{"scheduler":{"policy":"SCHED_OTHER","priority":5,"deadline":1,"nice":20,"flags":["F"]}}}""", "process.scheduler.flags: there is no \"F\"")]
    [InlineData("""{"process":{"ioPriority":{"class":"IOPRIO_CLASS_NONE","priority":9}}}""", "process.ioPriority.class")]
    [InlineData("""{"process":{"execCPUAffinity":{"initial":"0-","final":"x"}}}""", "process.execCPUAffinity.initial: \"0-\" is no list")]
    [InlineData("""{"process":{"apparmorProfile":"strict"}}""", "process.apparmorProfile: \"strict\" cannot be applied")]
    [InlineData("""{"process":{"selinuxLabel":"a:b:c"}}""", "process.selinuxLabel: \"a:b:c\" cannot be applied")]
    [InlineData("""{"hooks":{"poststop":[{"path":"x","timeout":0}]}}""", "hooks.poststop[0].path: \"x\" must be absolute; hooks.poststop[0].timeout: 0")]
    public async Task Create_Contradiction_NamesFieldAndRemedyAndLeavesNothing(string change, string expected)
    {
        var bundle = fixture.NewBundle("true");
        var path = $"{bundle.Path}/config.json";
        var config = JsonNode.Parse(await File.ReadAllTextAsync(path))!.AsObject();
        Merge(config, JsonNode.Parse(change)!.AsObject());
        await File.WriteAllTextAsync(path, config.ToJsonString());
        var (code, _, error) = await fixture.RunAsync("create", "-b", bundle.Path, bundle.Id);
        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.False(Directory.Exists($"{fixture.Root}/{bundle.Id}"));
        Assert.False(Directory.Exists($"/sys/fs/cgroup/memory/gantry-test/{bundle.Id}"));
    }

    [Fact]
    public async Task Create_ManyErrors_AreReportedAtOnce()
    {
        var bundle = fixture.NewBundle("true", static spec =>
        {
            spec.Hostname = new string('h', 65);
            spec.Process!.Cwd = "";
            spec.Process.Args = [""];
            spec.Linux!.RootfsPropagation = "x";
            spec.Linux.Devices = [new() { Path = "dev", Type = "q" }];
        });
        var (_, _, error) = await fixture.RunAsync("create", "-b", bundle.Path, bundle.Id);
        foreach (var field in (string[])["hostname", "process.cwd", "process.args", "linux.rootfsPropagation", "linux.devices[0].path", "linux.devices[0].type"])
        {
            Assert.Contains(field + ":", error);
        }
    }

    [Fact]
    public async Task Run_WhatAContainerCanDoWithout_IsAWarning()
    {
        var bundle = fixture.NewBundle("echo ran", static spec =>
        {
            spec.Process!.Capabilities!.Ambient = ["CAP_TIME_TRAVEL"];
            spec.Linux!.MountLabel = "system_u:object_r:x:s0";
            spec.Mounts!.Add(new() { Destination = "/etc", Source = "/etc", Options = ["bind", "size=1k", "ro"] });
        });
        var (code, output, error) = await bundle.RunAsync();
        Assert.Equal((0, "ran\n"), (code, output));
        Assert.Contains("process.capabilities: CAP_TIME_TRAVEL: left out", error);
        Assert.Contains("linux.mountLabel", error);
        Assert.Contains("mounts[7].options: size=1k: left out", error);
    }

    private static void Merge(JsonObject into, JsonObject change)
    {
        foreach (var (name, value) in change)
        {
            if (name is "process" or "linux")
            {
                Merge(into[name]!.AsObject(), value!.AsObject());
                continue;
            }
            into[name] = value?.DeepClone();
        }
    }
}
