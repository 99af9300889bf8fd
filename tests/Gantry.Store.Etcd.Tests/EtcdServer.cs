using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Gantry.Store.Etcd.Tests;

/// <summary>
/// A real etcd of one member on loopback, with mutual TLS and its data in a temporary directory. It can be killed and started
/// again on the same data. GANTRY_TEST_ETCD names another program than the one that ./test unpacks.
/// </summary>
public sealed class EtcdServer : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-etcd-").FullName;
    private readonly TestAuthority _authority;
    private readonly (string Certificate, string Key) _server;
    private readonly (string Certificate, string Key) _client;
    private readonly string[] _arguments;
    private readonly string _name = "one";
    private readonly int _peerPort;
    private readonly string _cluster;
    private readonly Queue<string> _printed = new();
    private Process? _process;
    private int _stores;

    /// <summary>An etcd with room for the operations that a commit may have.</summary>
    public EtcdServer()
        : this("--max-txn-ops=1024")
    {
    }

    internal EtcdServer(params string[] arguments)
    {
        _arguments = arguments;
        _authority = new TestAuthority(_directory);
        _server = _authority.Issue("server");
        _client = _authority.Issue("client");
        Port = FreePort();
        _peerPort = FreePort();
        _cluster = $"one=http://127.0.0.1:{_peerPort}";
        Start();
        WaitUntilItListens();
    }

    private EtcdServer(TestAuthority authority, string name, int peerPort, string cluster)
    {
        _arguments = ["--max-txn-ops=1024"];
        _authority = authority;
        _server = _authority.Issue(name);
        _client = _authority.Issue(name + "-client");
        _name = name;
        Port = FreePort();
        _peerPort = peerPort;
        _cluster = cluster;
        Start();
    }

    /// <summary>A cluster of three members.</summary>
    public static EtcdServer[] StartThree()
    {
        var authority = new TestAuthority(Directory.CreateTempSubdirectory("gantry-etcd-ca-").FullName);
        var names = new[] { "one", "two", "three" };
        var ports = names.Select(static _ => FreePort()).ToArray();
        var cluster = string.Join(',', names.Zip(ports, static (name, port) => $"{name}=http://127.0.0.1:{port}"));
        var members = names.Zip(ports, (name, port) => new EtcdServer(authority, name, port, cluster)).ToArray();
        foreach (var member in members)
        {
            member.WaitUntilItListens();
        }

        return members;
    }

    public int Port { get; }

    public Uri Address => new($"https://127.0.0.1:{Port}");

    /// <summary>The authority's certificate and a client's certificate and key, as PEM files.</summary>
    public (string Authority, string Certificate, string Key) ClientFiles => (_authority.Path, _client.Certificate, _client.Key);

    private static string Program =>
        Environment.GetEnvironmentVariable("GANTRY_TEST_ETCD") ?? Path.Combine(Root(), "artifacts", "debian13", "usr", "bin", "etcd");

    /// <summary>Options for a store of its own in this etcd.</summary>
    public EtcdStoreOptions NewStore() => Options($"/test-{Interlocked.Increment(ref _stores)}");

    /// <summary>Options for a prefix, by this member or by the given ones.</summary>
    public EtcdStoreOptions Options(string prefix, params Uri[] addresses) => new(addresses.Length > 0 ? addresses : [Address])
    {
        Prefix = prefix,
        Authorities = [_authority.Certificate],
        ClientCertificate = X509Certificate2.CreateFromPemFile(_client.Certificate, _client.Key),
    };

    /// <summary>Starts etcd on the data that are there; returns at once.</summary>
    public void Start()
    {
        var url = Address.GetLeftPart(UriPartial.Authority);
        var start = new ProcessStartInfo(Program) { RedirectStandardError = true, RedirectStandardOutput = true };
        string[] arguments =
        [
            "--data-dir", Path.Combine(_directory, "data"), "--name", _name,
            "--listen-client-urls", url, "--advertise-client-urls", url,
            "--listen-peer-urls", $"http://127.0.0.1:{_peerPort}", "--initial-advertise-peer-urls", $"http://127.0.0.1:{_peerPort}",
            "--initial-cluster", _cluster,
            "--cert-file", _server.Certificate, "--key-file", _server.Key, "--client-cert-auth", "--trusted-ca-file", _authority.Path,
            "--log-level", "warn", "--logger", "zap",
            .. _arguments,
        ];
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => Remember(line.Data);
        _process.OutputDataReceived += (_, line) => Remember(line.Data);
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
    }

    /// <summary>Ends etcd at once.</summary>
    public void Kill()
    {
        _process!.Kill();
        if (!_process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            throw new TimeoutException("etcd was killed and is still there after a minute");
        }

        _process.Dispose();
        _process = null;
    }

    public void Dispose()
    {
        if (_process is not null)
        {
            Kill();
        }

        _authority.Dispose();
        if (Directory.Exists(_directory))
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private void Remember(string? line)
    {
        lock (_printed)
        {
            _printed.Enqueue(line ?? "");
            if (_printed.Count > 20)
            {
                _printed.Dequeue();
            }
        }
    }

    /// <summary>Fails with what etcd printed when it does not come to listen.</summary>
    public void WaitUntilItListens()
    {
        for (var end = DateTime.UtcNow.AddSeconds(30); ; Thread.Sleep(20))
        {
            try
            {
                using var probe = new TcpClient();
                probe.Connect(IPAddress.Loopback, Port);
                return;
            }
            catch (SocketException) when (DateTime.UtcNow < end && !_process!.HasExited)
            {
                continue;
            }
            catch (SocketException e)
            {
                // What it printed last is read by then.
                _process!.WaitForExit(1000);
                lock (_printed)
                {
                    throw new InvalidOperationException($"etcd does not listen: {string.Join('\n', _printed)}", e);
                }
            }
        }
    }

    internal static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }

    private static string Root()
    {
        var directory = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(directory.FullName, "Gantry.slnx")))
        {
            directory = directory.Parent ?? throw new InvalidOperationException("the tests run outside of the repository");
        }

        return directory.FullName;
    }
}
