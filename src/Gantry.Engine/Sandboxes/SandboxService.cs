using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using Gantry.Engine.Specs;
using Gantry.Faults;
using Gantry.Linux.Netlink;
using Gantry.Network;
using Gantry.Network.Files;
using Gantry.Network.Sandboxes;
using Gantry.Store;

namespace Gantry.Engine.Sandboxes;

/// <summary>
/// Pod sandboxes: network, IPC and UTS namespaces without a process of their own, which a pod's containers join. They outlive
/// gantryd; a reboot takes them, and they are then not ready. Thread-safe. Containers are created in a sandbox by
/// <see cref="Containers.ContainerSpec.SandboxId"/>.
/// </summary>
public sealed class SandboxService
{
    private const string Prefix = "/sandboxes/";
    private readonly EngineOptions _options;
    private readonly IStore _store;
    private readonly NetworkService _networks;
    private ImmutableDictionary<string, SandboxStatus> _sandboxes = ImmutableDictionary<string, SandboxStatus>.Empty;

    internal SandboxService(EngineOptions options, IStore store, NetworkService networks)
    {
        _options = options;
        _store = store;
        _networks = networks;
    }

    /// <summary>All sandboxes.</summary>
    public IReadOnlyCollection<SandboxStatus> List() => [.. _sandboxes.Values];

    /// <summary>A sandbox, or null.</summary>
    public SandboxStatus? Find(string id) => _sandboxes.GetValueOrDefault(id);

    /// <summary>A sandbox; <c>NotFound</c> when there is none.</summary>
    public SandboxStatus Get(string id) => Find(id) ?? throw new FaultException(FaultKind.NotFound, $"sandbox {id} not found");

    /// <summary>Makes a sandbox. When anything fails nothing stays. <c>Conflict</c> when a host port is taken.</summary>
    public async Task<SandboxStatus> CreateAsync(SandboxSpec spec, CancellationToken cancellationToken)
    {
        if (spec.ShareProcessNamespace)
        {
            throw new FaultException(FaultKind.NotImplemented, "shareProcessNamespace is not supported by this engine");
        }

        SandboxStatus sandbox = new()
        {
            Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)),
            Spec = spec,
            CreatedAt = DateTimeOffset.UtcNow,
            Ready = true,
        };
        try
        {
            if (!spec.HostNetwork)
            {
                SandboxRecord network = await _networks.CreateSandboxAsync(
                    new SandboxRequest
                    {
                        Id = sandbox.Id,
                        PodHostName = HostName(spec),
                        Endpoints = [new EndpointRequest { Network = "pods" }],
                        Ports = spec.Ports,
                        Sysctls = spec.Sysctls,
                    },
                    cancellationToken).ConfigureAwait(false);
                sandbox = sandbox with { Address = network.Endpoints[0].Address };
            }
            else
            {
                await _networks.CreateSandboxAsync(
                    new SandboxRequest { Id = sandbox.Id, PodHostName = Environment.MachineName, NetworkNamespace = false, Sysctls = spec.Sysctls },
                    cancellationToken).ConfigureAwait(false);
            }

            MountSharedMemory(sandbox.Id);
            WriteFiles(sandbox);
            await SaveAsync(sandbox, cancellationToken).ConfigureAwait(false);
            return sandbox;
        }
        catch
        {
            await ReleaseAsync(sandbox.Id).ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Releases a sandbox's network and namespaces; it stays listed as not ready. Repeating it changes nothing. Its containers should have ended.</summary>
    public async Task StopAsync(string id, CancellationToken cancellationToken)
    {
        SandboxStatus sandbox = Get(id);
        if (sandbox.Ready)
        {
            await SaveAsync(sandbox with { Ready = false }, cancellationToken).ConfigureAwait(false);
        }

        await _networks.RemoveSandboxAsync(id, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Removes a sandbox with everything of it; one that is not there is ignored. Its containers must be removed before.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        await ReleaseAsync(id).ConfigureAwait(false);
        await _store.CommitAsync([new StoreOperation(Prefix + id, null)], cancellationToken).ConfigureAwait(false);
        ImmutableInterlocked.TryRemove(ref _sandboxes, id, out _);
    }

    /// <summary>Connects to a TCP port of the pod on its loopback (port-forward).</summary>
    public async Task<Socket> DialAsync(string id, int port, CancellationToken cancellationToken)
    {
        SandboxStatus sandbox = Get(id);
        static Socket Open() => new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        Socket socket = sandbox.Spec.HostNetwork ? Open() : new NetworkNamespace(NetworkRecord(id).NetworkPath!).Run(Open);
        try
        {
            await socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken).ConfigureAwait(false);
            return socket;
        }
        catch (SocketException exception)
        {
            socket.Dispose();
            throw new FaultException(FaultKind.Unavailable, $"failed to connect to localhost:{port} inside namespace \"{id}\": {exception.Message}", exception);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Path of the pod's network namespace (for probes from inside), or null in the host's network.</summary>
    public string? NetworkNamespacePath(string id) => Get(id).Spec.HostNetwork ? null : NetworkRecord(id).NetworkPath;

    internal NamespacePlan Join(string id)
    {
        SandboxStatus sandbox = Get(id);
        if (!sandbox.Ready)
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"sandbox {id} is not ready");
        }

        SandboxRecord record = NetworkRecord(id);
        return new NamespacePlan
        {
            Network = record.NetworkPath ?? NamespacePlan.Host,
            Ipc = sandbox.Spec.HostIpc ? NamespacePlan.Host : record.IpcPath,
            // A pod in the host's network has the host's name as well, which may change.
            Uts = sandbox.Spec.HostNetwork ? NamespacePlan.Host : record.UtsPath,
            Pid = sandbox.Spec.HostPid ? NamespacePlan.Host : null,
            SharedMemory = SharedMemoryPath(id),
        };
    }

    internal List<(string Source, string Target)> Files(string id) =>
    [
        (Path.Combine(DirectoryOf(id), "resolv.conf"), "/etc/resolv.conf"),
        (Path.Combine(DirectoryOf(id), "hostname"), "/etc/hostname"),
        (Path.Combine(DirectoryOf(id), "hosts"), "/etc/hosts"),
    ];

    /// <summary>Loads the records and removes what has none. Sandboxes whose namespaces are gone are not ready any more.</summary>
    internal async Task LoadAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(Path.Combine(_options.RootDirectory, "sandboxes"));
        StorePage page = await _store.RangeAsync(new StoreRange(Prefix), cancellationToken).ConfigureAwait(false);
        foreach (StoreEntry entry in page.Entries)
        {
            SandboxStatus sandbox = JsonSerializer.Deserialize(entry.Value.Span, EngineJson.Default.SandboxStatus)!;
            SandboxRecord? network = _networks.FindSandbox(sandbox.Id);
            bool whole = network?.IpcPath is { } ipc && new NamespacePin(NamespaceKind.Ipc, ipc).Exists();
            _sandboxes = _sandboxes.SetItem(sandbox.Id, sandbox with { Ready = sandbox.Ready && whole });
        }

        foreach (string directory in Directory.EnumerateDirectories(Path.Combine(_options.RootDirectory, "sandboxes")))
        {
            if (!_sandboxes.ContainsKey(Path.GetFileName(directory)))
            {
                await ReleaseAsync(Path.GetFileName(directory)).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Unmounts and releases everything in the kernel: for down.</summary>
    internal async Task ShutdownAsync(CancellationToken cancellationToken)
    {
        foreach (SandboxStatus sandbox in List())
        {
            await StopAsync(sandbox.Id, cancellationToken).ConfigureAwait(false);
            TmpfsMount.Unmount(SharedMemoryPath(sandbox.Id));
        }
    }

    private SandboxRecord NetworkRecord(string id) =>
        _networks.FindSandbox(id) ?? throw new FaultException(FaultKind.FailedPrecondition, $"sandbox {id} has no namespaces");

    private async Task SaveAsync(SandboxStatus sandbox, CancellationToken cancellationToken)
    {
        byte[] value = JsonSerializer.SerializeToUtf8Bytes(sandbox, EngineJson.Default.SandboxStatus);
        await _store.CommitAsync([new StoreOperation(Prefix + sandbox.Id, value)], cancellationToken).ConfigureAwait(false);
        ImmutableInterlocked.AddOrUpdate(ref _sandboxes, sandbox.Id, sandbox, (_, _) => sandbox);
    }

    private async Task ReleaseAsync(string id)
    {
        await _networks.RemoveSandboxAsync(id, CancellationToken.None).ConfigureAwait(false);
        TmpfsMount.Unmount(SharedMemoryPath(id));
        if (Directory.Exists(DirectoryOf(id)))
        {
            Directory.Delete(DirectoryOf(id), recursive: true);
        }
    }

    private void MountSharedMemory(string id)
    {
        string path = Directory.CreateDirectory(SharedMemoryPath(id)).FullName;
        TmpfsMount.Mount(path, "mode=1777,size=65536k");
    }

    private void WriteFiles(SandboxStatus sandbox)
    {
        SandboxSpec spec = sandbox.Spec;
        string directory = DirectoryOf(sandbox.Id);
        string hostName = HostName(spec);
        IEnumerable<(string, string)> aliases = spec.HostAliases.Select(alias => (string.Join('\t', alias.Names), alias.Address));
        string hosts = spec.HostNetwork && File.Exists("/etc/hosts")
            ? File.ReadAllText("/etc/hosts") + string.Concat(spec.HostAliases.Select(alias => $"{alias.Address}\t{string.Join('\t', alias.Names)}\n"))
            : HostsFile.Render(aliases, sandbox.Address.Length > 0 ? [sandbox.Address] : [], hostName);
        ResolvConf resolver = spec.Dns is { } dns ? new ResolvConf(dns.Servers, dns.Searches, dns.Options) : ResolvConf.Read(_networks.HostResolvConf);
        File.WriteAllText(Path.Combine(directory, "hosts"), hosts);
        File.WriteAllText(Path.Combine(directory, "hostname"), hostName + "\n");
        File.WriteAllText(Path.Combine(directory, "resolv.conf"), resolver.Render());
    }

    private static string HostName(SandboxSpec spec) =>
        spec.HostNetwork ? Environment.MachineName : spec.HostName.Length > 0 ? spec.HostName : spec.Name[..Math.Min(63, spec.Name.Length)];

    private string DirectoryOf(string id) => Path.Combine(_options.RootDirectory, "sandboxes", id);

    private string SharedMemoryPath(string id) => Path.Combine(DirectoryOf(id), "shm");
}
