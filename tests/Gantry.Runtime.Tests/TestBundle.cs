using System.Text;
using Gantry.Monitor;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Tests;

/// <summary>One bundle and the calls that tests make on its container.</summary>
public sealed partial class TestBundle(RuntimeFixture fixture, string id, string path)
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    public string Id => id;

    public string Path => path;

    public string Rootfs => $"{path}/rootfs";

    public string State => $"{path}/state";

    public string LogPath => $"{path}/log.json";

    public MonitorLaunch Launch => new()
    {
        RuntimePath = fixture.RuntimePath,
        ContainerId = id,
        BundlePath = path,
        StateDirectory = State,
        SocketPath = $"{State}/m.sock",
        RuntimeRoot = fixture.Root,
        Log = new LogTarget(LogPath),
    };

    public Task<(int ExitCode, string Output, string Error)> RunAsync() => fixture.RunAsync("run", "-b", path, id);

    public static CancellationToken Timeout() => new CancellationTokenSource(Limit).Token;

    /// <summary>Reads an attachment to its end.</summary>
    public static async Task<(string Output, string Error)> ReadAllAsync(MonitorAttachment attachment)
    {
        var output = new StringBuilder();
        var error = new StringBuilder();
        while (await attachment.ReadAsync(Timeout()) is var (stream, data) && !data.IsEmpty)
        {
            (stream == StdStream.Stderr ? error : output).Append(Encoding.UTF8.GetString(data.Span));
        }
        return (output.ToString(), error.ToString());
    }

    /// <summary>Reads output until it holds a text.</summary>
    public static async Task<string> ReadUntilAsync(MonitorAttachment attachment, string text)
    {
        var output = new StringBuilder();
        while (!output.ToString().Contains(text, StringComparison.Ordinal))
        {
            var (_, data) = await attachment.ReadAsync(Timeout());
            Assert.False(data.IsEmpty, $"the output ended before \"{text}\": {output}");
            output.Append(Encoding.UTF8.GetString(data.Span));
        }
        return output.ToString();
    }

    public static ReadOnlyMemory<byte> Process(string command, bool terminal = false)
    {
        var process = DefaultSpec.Create().Process!;
        process.Args = ["sh", "-c", command];
        process.Terminal = terminal;
        return RuntimeSpecJson.Write(process);
    }
}
