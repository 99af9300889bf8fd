using System.Text;
using Gantry.Engine.Containers;
using Gantry.Engine.Execs;
using Gantry.Engine.Sandboxes;

namespace Gantry.Docker.Tests;

public sealed class SandboxTests(DockerFixture fixture) : IClassFixture<DockerFixture>
{
    [Fact]
    public async Task Pod_TwoContainers_ShareNetworkNameAndMemory()
    {
        SandboxStatus pod = await CreateAsync("shared");
        ContainerRecord server = await StartAsync(pod, "server", "sh", "-c", "echo shm > /dev/shm/x; mkdir /www; echo pod > /www/index.html; httpd -f -p 8080 -h /www");
        ContainerRecord client = await StartAsync(pod, "client", "sleep", "60");

        Assert.Equal("shared", await ExecAsync(client, "hostname"));
        Assert.Equal("pod", await ExecAsync(client, "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do wget -qO- http://127.0.0.1:8080/ && exit; usleep 100000; done"));
        Assert.Equal("shm", await ExecAsync(client, "cat", "/dev/shm/x"));
        Assert.Contains("search default.svc.cluster.local", await ExecAsync(client, "cat", "/etc/resolv.conf"));
        using System.Net.Sockets.Socket dialed = await fixture.Engine.Sandboxes.DialAsync(pod.Id, 8080, CancellationToken.None);
        await dialed.SendAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray());
        byte[] reply = new byte[12];
        await dialed.ReceiveAsync(reply);
        Assert.Equal("HTTP/1.1 200", Encoding.ASCII.GetString(reply));
        await RemoveAsync(pod, server, client);
        Assert.Null(fixture.Engine.Sandboxes.Find(pod.Id));
    }

    [Fact]
    public async Task Pod_OverARestartOfTheEngine_StaysReady()
    {
        SandboxStatus pod = await CreateAsync("lasting");
        ContainerRecord container = await StartAsync(pod, "main", "sleep", "60");
        int pid = fixture.Engine.Get(container.Id).Pid;

        await fixture.RestartAsync();

        Assert.True(fixture.Engine.Sandboxes.Get(pod.Id).Ready);
        Assert.Equal(pid, fixture.Engine.Get(container.Id).Pid);
        ContainerRecord second = await StartAsync(pod, "second", "sleep", "60");
        Assert.Contains(pod.Address, await ExecAsync(second, "ip", "-4", "addr"));
        await RemoveAsync(pod, container, second);
    }

    [Fact]
    public async Task Pod_Stopped_TakesNoMoreContainers()
    {
        SandboxStatus pod = await CreateAsync("stopped");

        await fixture.Engine.Sandboxes.StopAsync(pod.Id, CancellationToken.None);

        Assert.False(fixture.Engine.Sandboxes.Get(pod.Id).Ready);
        await Assert.ThrowsAsync<Faults.FaultException>(() => StartAsync(pod, "late", "true"));
        foreach (ContainerRecord left in fixture.Engine.List().Where(container => container.Spec.SandboxId == pod.Id))
        {
            await fixture.Engine.RemoveAsync(left.Id, force: true, removeVolumes: true, CancellationToken.None);
        }

        await RemoveAsync(pod);
    }

    private Task<SandboxStatus> CreateAsync(string name) => fixture.Engine.Sandboxes.CreateAsync(
        new SandboxSpec
        {
            Namespace = "default",
            Name = name,
            Uid = Guid.NewGuid().ToString(),
            HostName = name,
            Dns = new DnsSpec(["10.43.0.10"], ["default.svc.cluster.local"], ["ndots:5"]),
        },
        CancellationToken.None);

    private async Task<ContainerRecord> StartAsync(SandboxStatus pod, string name, params string[] command)
    {
        ContainerRecord container = await fixture.Engine.CreateAsync(
            new ContainerSpec { Name = $"k8s_{name}_{pod.Spec.Name}", Image = "busybox", Entrypoint = [.. command], SandboxId = pod.Id }, CancellationToken.None);
        await fixture.Engine.StartAsync(container.Id, CancellationToken.None);
        return container;
    }

    private async Task<string> ExecAsync(ContainerRecord container, params string[] command)
    {
        ExecResult result = await fixture.Engine.ExecAsync(container.Id, new ExecSpec { Arguments = [.. command] }, TimeSpan.FromSeconds(20), 65536, CancellationToken.None);
        Assert.True(result.ExitCode == 0, Encoding.UTF8.GetString(result.Stderr));
        return Encoding.UTF8.GetString(result.Stdout).Trim();
    }

    private async Task RemoveAsync(SandboxStatus pod, params ContainerRecord[] containers)
    {
        foreach (ContainerRecord container in containers)
        {
            await fixture.Engine.RemoveAsync(container.Id, force: true, removeVolumes: true, CancellationToken.None);
        }

        await fixture.Engine.Sandboxes.RemoveAsync(pod.Id, CancellationToken.None);
    }
}
