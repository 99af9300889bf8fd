using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using System.Text;
using Gantry.Bench.Instances;

namespace Gantry.Bench.Stores;

/// <summary>
/// An etcd of one member on loopback with its defaults, which sync every put to the disk. Puts are sent as plain gRPC requests whose few
/// bytes are made here, so that the client, which runs on the same processors, costs little.
/// </summary>
internal sealed class EtcdPeer : IAsyncDisposable
{
    private readonly string _directory;
    private readonly Process _process;
    private readonly HttpClient _http;
    private readonly Uri _put;

    private EtcdPeer(string program, string directory)
    {
        _directory = directory;
        var client = $"http://127.0.0.1:{FreePort()}";
        var peer = $"http://127.0.0.1:{FreePort()}";
        _process = Process.Start(new ProcessStartInfo(program,
        [
            "--data-dir", directory, "--name", "one", "--listen-client-urls", client, "--advertise-client-urls", client,
            "--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", $"one={peer}", "--log-level", "error",
        ])
        { RedirectStandardError = true, RedirectStandardOutput = true }) ?? throw new BenchException($"{program} could not be started");
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        _put = new Uri($"{client}/etcdserverpb.KV/Put");
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true, InitialHttp2StreamWindowSize = 1 << 20 });
    }

    /// <summary>etcd, ready to be written to; null where there is none.</summary>
    public static async Task<EtcdPeer?> OpenAsync(string directory)
    {
        var program = new[] { Environment.GetEnvironmentVariable("GANTRY_BENCH_ETCD"), Path.Combine(Repository.Root, "artifacts", "debian13", "usr", "bin", "etcd"), "/usr/bin/etcd" }.FirstOrDefault(File.Exists);
        if (program is null)
        {
            await Console.Error.WriteLineAsync("etcd is left out: there is none; tests/debian13.sh etcd-server unpacks one");
            return null;
        }

        var peer = new EtcdPeer(program, directory);
        for (var patience = 0; ; patience++)
        {
            try
            {
                await peer.PutAsync("/ready", "yes"u8.ToArray());
                return peer;
            }
            catch (Exception failure) when (failure is HttpRequestException or BenchException && patience < 200 && !peer._process.HasExited)
            {
                await Task.Delay(50);
            }
        }
    }

    /// <summary>etcdserverpb.KV/Put: key is field 1, value field 2.</summary>
    public async Task PutAsync(string key, ReadOnlyMemory<byte> value)
    {
        var name = Encoding.UTF8.GetBytes(key);
        var message = new byte[5 + 1 + 5 + name.Length + 1 + 5 + value.Length];
        var length = 5;
        length += Field(message.AsSpan(length), 1, name);
        length += Field(message.AsSpan(length), 2, value.Span);
        // A gRPC frame: not compressed, and the message's length.
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(1), length - 5);
        using var request = new HttpRequestMessage(HttpMethod.Post, _put)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(message, 0, length) { Headers = { ContentType = new MediaTypeHeaderValue("application/grpc") } },
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        using var response = await _http.SendAsync(request);
        var status = response.TrailingHeaders.TryGetValues("grpc-status", out var values) || response.Headers.TryGetValues("grpc-status", out values) ? values.First() : "none";
        if (status != "0")
        {
            throw new BenchException($"etcd refused a put with status {status}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    private static int Field(Span<byte> into, int number, ReadOnlySpan<byte> bytes)
    {
        into[0] = (byte)((number << 3) | 2);
        var at = 1;
        for (var rest = (uint)bytes.Length; ; rest >>= 7)
        {
            into[at++] = (byte)(rest > 0x7f ? rest | 0x80 : rest);
            if (rest <= 0x7f)
            {
                break;
            }
        }

        bytes.CopyTo(into[at..]);
        return at + bytes.Length;
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
