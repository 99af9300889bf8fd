using System.Net.Sockets;
using System.Text.Json;

namespace Gantry.Cli;

/// <summary>One running or stopped gantryd, by its root directory.</summary>
internal sealed class Instance : IDisposable
{
    /// <summary>The root of the instance that has the well-known places.</summary>
    public const string DefaultRoot = "/var/lib/gantry";

    private readonly HttpClient _http;

    public Instance(string root)
    {
        Root = Path.GetFullPath(root);
        _http = new HttpClient(new SocketsHttpHandler
        {
            ConnectCallback = async (_, cancellationToken) =>
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                try
                {
                    await socket.ConnectAsync(new UnixDomainSocketEndPoint(SocketPath), cancellationToken).ConfigureAwait(false);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        })
        { BaseAddress = new Uri("http://gantry"), Timeout = Timeout.InfiniteTimeSpan };
    }

    public string Root { get; }

    public string LogPath => Path.Combine(Root, "gantryd.log");

    private string SocketPath => Path.Combine(Root, "gantry.sock");

    /// <summary>The status, or null when nothing answers.</summary>
    public async Task<InstanceStatus?> StatusAsync()
    {
        try
        {
            using var response = await _http.GetAsync(new Uri("/status", UriKind.Relative)).ConfigureAwait(false);
            using var document = JsonDocument.Parse(await response.Content.ReadAsByteArrayAsync().ConfigureAwait(false));
            return InstanceStatus.From(document.RootElement);
        }
        catch (Exception failure) when (failure is HttpRequestException or SocketException or IOException)
        {
            return null;
        }
    }

    /// <summary>The status; a user error when it does not run.</summary>
    public async Task<InstanceStatus> RequireAsync() =>
        await StatusAsync().ConfigureAwait(false) ?? throw new UserErrorException($"gantryd of {Root} is not running; start it with: gantry up");

    /// <summary>Sends a command without a body.</summary>
    public async Task PostAsync(string path)
    {
        using var response = await _http.PostAsync(new Uri(path, UriKind.Relative), null).ConfigureAwait(false);
        response.EnsureSuccessStatusCode();
    }

    /// <summary>Sends a command and gives back the lines of its answer as they come.</summary>
    public IAsyncEnumerable<string> PostLinesAsync(string path) => SendLinesAsync(HttpMethod.Post, path);

    /// <summary>Sends a request and gives back the lines of its answer as they come.</summary>
    public async IAsyncEnumerable<string> SendLinesAsync(HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, new Uri(path, UriKind.Relative));
        using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead).ConfigureAwait(false);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync().ConfigureAwait(false));
        while (await reader.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            yield return line;
        }
    }

    public void Dispose() => _http.Dispose();
}

/// <summary>What gantryd says of itself.</summary>
internal sealed record InstanceStatus(string Version, bool Ready, int Pid, string DockerSocket, string Kubeconfig, string Api, string Registry, string Node, long MemoryBytes, DateTimeOffset StartedAt, int ContainersRunning)
{
    public static InstanceStatus From(JsonElement root) => new(
        root.GetProperty("version").GetString()!,
        root.GetProperty("ready").GetBoolean(),
        root.GetProperty("pid").GetInt32(),
        root.GetProperty("dockerSocket").GetString()!,
        root.GetProperty("kubeconfig").GetString()!,
        root.GetProperty("api").GetString()!,
        root.GetProperty("registry").GetString()!,
        root.GetProperty("node").GetString()!,
        root.GetProperty("memoryBytes").GetInt64(),
        root.GetProperty("startedAt").GetDateTimeOffset(),
        root.GetProperty("containersRunning").GetInt32());
}
