using System.Globalization;
using System.Text;
using Gantry.Engine.Logs;

namespace Gantry.Engine.Tests;

public sealed class LogFileTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("engine-log-").FullName;
    private int _next;

    private string Path => System.IO.Path.Combine(_directory, "c-json.log");

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory]
    [InlineData(-1, 30)]
    [InlineData(0, 0)]
    [InlineData(1, 1)]
    [InlineData(7, 7)]
    [InlineData(15, 15)]
    [InlineData(100, 30)]
    public async Task Read_Tail_CountsAcrossRotatedFiles(int tail, int expected)
    {
        Append(10);
        Rotate();
        Append(10);
        Rotate();
        Append(10);

        List<string> lines = await ReadAsync(new LogQuery { Tail = tail });

        Assert.Equal(Enumerable.Range(30 - expected, expected).Select(number => $"line {number}\n"), lines);
    }

    [Fact]
    public async Task Read_SinceUntilAndStream_AreFilters()
    {
        Append(10);
        DateTimeOffset start = DateTimeOffset.UnixEpoch;

        Assert.Equal(["line 3\n", "line 4\n"], await ReadAsync(new LogQuery { Since = start.AddSeconds(3), Until = start.AddSeconds(5) }));
        Assert.Equal(5, (await ReadAsync(new LogQuery { Stdout = false })).Count);
    }

    [Fact]
    public async Task Follow_WhileRotated_LosesAndRepeatsNothing()
    {
        TaskCompletionSource ended = new();
        Append(5);
        Task<List<string>> reading = ReadAsync(new LogQuery { Follow = true }, ended.Task);
        for (int round = 0; round < 40; round++)
        {
            Append(25);
            if (round % 3 == 2)
            {
                Rotate();
            }

            await Task.Delay(3);
        }

        ended.SetResult();

        Assert.Equal(Enumerable.Range(0, _next).Select(number => $"line {number}\n"), await reading);
    }

    [Fact]
    public async Task Read_DamagedLine_IsLeftOut()
    {
        Append(1);
        File.AppendAllText(Path, "{\"log\":\"half\n");
        Append(1);

        Assert.Equal(["line 0\n", "line 1\n"], await ReadAsync(new LogQuery()));
    }

    [Fact]
    public async Task Read_MissingFile_IsEmpty() => Assert.Empty(await ReadAsync(new LogQuery()));

    private void Append(int lines)
    {
        StringBuilder text = new();
        for (int line = 0; line < lines; line++, _next++)
        {
            string time = DateTimeOffset.UnixEpoch.AddSeconds(_next).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffffff00Z", CultureInfo.InvariantCulture);
            text.Append(CultureInfo.InvariantCulture, $"{{\"log\":\"line {_next}\\n\",\"stream\":\"{(_next % 2 == 0 ? "stdout" : "stderr")}\",\"time\":\"{time}\"}}\n");
        }

        File.AppendAllText(Path, text.ToString());
    }

    private void Rotate()
    {
        int oldest = 0;
        while (File.Exists($"{Path}.{oldest + 1}"))
        {
            oldest++;
        }

        for (int generation = oldest; generation > 0; generation--)
        {
            File.Move($"{Path}.{generation}", $"{Path}.{generation + 1}");
        }

        File.Move(Path, Path + ".1");
    }

    private async Task<List<string>> ReadAsync(LogQuery query, Task? ended = null)
    {
        using CancellationTokenSource timeout = new(TimeSpan.FromSeconds(30));
        List<string> lines = [];
        await foreach (LogEntry entry in new LogFile(Path).ReadAsync(query, ended ?? Task.CompletedTask, timeout.Token))
        {
            lines.Add(Encoding.UTF8.GetString(entry.Line.Span));
        }

        return lines;
    }
}
