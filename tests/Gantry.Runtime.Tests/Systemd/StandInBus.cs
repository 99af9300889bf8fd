using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;
using Gantry.Runtime.Systemd;

namespace Gantry.Runtime.Tests.Systemd;

/// <summary>
/// A message bus with a systemd on it that only notes what it is asked: systemd does not run where the tests do. Answers are made
/// here, so that they can be errors, failed jobs, nonsense, or none.
/// </summary>
internal sealed class StandInBus : IDisposable
{
    private const string Manager = "org.freedesktop.systemd1.Manager";

    private readonly Socket _listener;
    private readonly CancellationTokenSource _end = new();
    private readonly ConcurrentQueue<BusCall> _calls = new();
    private int _jobs;

    public StandInBus(string path)
    {
        Path = path;
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(16);
        _ = AcceptAsync();
    }

    public string Path { get; }

    public string Address => $"unix:path={Path}";

    /// <summary>What a job ends as.</summary>
    public string JobResult { get; set; } = "done";

    /// <summary>Who says how jobs end; the bus's name of systemd unless somebody lies.</summary>
    public string SignalSender { get; set; } = ":1.1";

    /// <summary>Errors by call, asked before anything else: a name and a text.</summary>
    public Func<BusCall, (string Name, string Text)?> Refuse { get; set; } = static _ => null;

    /// <summary>What is sent instead of any answer to a call; empty is nothing at all.</summary>
    public Func<BusCall, byte[]?> Instead { get; set; } = static _ => null;

    /// <summary>The answers to lines of the authentication.</summary>
    public Func<string, string?> Authenticate { get; set; } = static line => line.TrimStart('\0') switch
    {
        "AUTH EXTERNAL" => "DATA",
        "DATA" => "OK 1234deadbeef",
        _ => null,
    };

    public IReadOnlyList<BusCall> Calls => [.. _calls];

    public BusCall Call(string member) => Calls.Single(call => call.Member == member);

    public void Dispose()
    {
        _end.Cancel();
        _listener.Dispose();
        File.Delete(Path);
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var client = await _listener.AcceptAsync(_end.Token);
                _ = ServeAsync(client);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return;
        }
    }

    private async Task ServeAsync(Socket client)
    {
        using var stream = new NetworkStream(client, ownsSocket: true);
        try
        {
            for (string line; (line = await LineAsync(stream)) != "BEGIN";)
            {
                if (Authenticate(line) is { } answer)
                {
                    await stream.WriteAsync(Encoding.ASCII.GetBytes(answer + "\r\n"), _end.Token);
                }
            }
            while (true)
            {
                var call = BusCall.Parse(await MessageAsync(stream));
                _calls.Enqueue(call);
                foreach (var answer in AnswersTo(call))
                {
                    await stream.WriteAsync(answer, _end.Token);
                }
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException or ObjectDisposedException)
        {
            return; // the client has gone, or the test
        }
    }

    private IEnumerable<byte[]> AnswersTo(BusCall call)
    {
        if (Instead(call) is { } instead)
        {
            return [instead];
        }
        if (Refuse(call) is var (name, text))
        {
            return [Reply(call, "s", body => body.String(text), name)];
        }
        // A signal that nobody waits for comes first.
        var noise = new BusMessage { Type = BusMessage.Signal, Serial = 7, Path = "/x", Interface = "x.y", Member = "Noise" }.Write();
        switch (call.Member)
        {
            case "Hello":
                return [noise, Reply(call, "s", static body => body.String(":1.99"))];
            case "Get":
                return
                [
                    Reply(call, "v", static body =>
                    {
                        body.Signature("s");
                        body.String("/user.slice/user-5.slice/user@5.service");
                    })
                ];
            case "StartTransientUnit" or "StopUnit":
                var job = $"/org/freedesktop/systemd1/job/{Interlocked.Increment(ref _jobs)}";
                return [noise, Reply(call, "o", body => body.String(job)), noise, JobRemoved(call.Unit, "/another/job", "failed"), JobRemoved(call.Unit, job, JobResult)];
            default:
                return [Reply(call, "", null)];
        }
    }

    private byte[] JobRemoved(string unit, string job, string result)
    {
        var body = new BusWriter();
        body.UInt32(1);
        body.String(job);
        body.String(unit);
        body.String(result);
        return new BusMessage
        {
            Type = BusMessage.Signal,
            Serial = 8,
            Path = "/org/freedesktop/systemd1",
            Interface = Manager,
            Member = "JobRemoved",
            Sender = SignalSender,
            Signature = "uoss",
            Body = body.Written.ToArray(),
        }.Write();
    }

    private static byte[] Reply(BusCall call, string signature, Action<BusWriter>? write, string? error = null)
    {
        var body = new BusWriter();
        write?.Invoke(body);
        return new BusMessage
        {
            Type = error is null ? BusMessage.MethodReturn : BusMessage.Error,
            Serial = 9,
            ReplySerial = call.Serial,
            Sender = ":1.1",
            ErrorName = error ?? "",
            Signature = signature,
            Body = body.Written.ToArray(),
        }.Write();
    }

    private async Task<string> LineAsync(NetworkStream stream)
    {
        List<byte> line = [];
        var next = new byte[1];
        while (line is not [.., (byte)'\r', (byte)'\n'])
        {
            await stream.ReadExactlyAsync(next, _end.Token);
            line.Add(next[0]);
        }
        return Encoding.ASCII.GetString([.. line[..^2]]);
    }

    private async Task<byte[]> MessageAsync(NetworkStream stream)
    {
        var header = new byte[16];
        await stream.ReadExactlyAsync(header, _end.Token);
        var body = BitConverter.ToInt32(header, 4);
        var fields = BitConverter.ToInt32(header, 12);
        var rest = new byte[((fields + 7) / 8 * 8) + body];
        await stream.ReadExactlyAsync(rest, _end.Token);
        return [.. header, .. rest];
    }
}
