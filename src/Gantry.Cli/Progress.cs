using System.Diagnostics;
using System.Globalization;

namespace Gantry.Cli;

/// <summary>Says what takes so long, once a second has passed: a line that counts on a terminal, one line in a log.</summary>
internal sealed class Progress : IDisposable
{
    private readonly string _what;
    private readonly long _started = Stopwatch.GetTimestamp();
    private readonly Timer _timer;
    private bool _shown;

    public Progress(string what)
    {
        _what = what;
        _timer = new Timer(_ => Show(), null, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1));
    }

    public void Dispose()
    {
        _timer.Dispose();
        if (_shown && !Console.IsOutputRedirected)
        {
            Console.Write("\r\u001b[K");
        }
    }

    private void Show()
    {
        if (Console.IsOutputRedirected)
        {
            if (!_shown)
            {
                Console.WriteLine($"{_what} ...");
            }
        }
        else
        {
            Console.Write(string.Create(CultureInfo.InvariantCulture, $"\r{_what} ... {Stopwatch.GetElapsedTime(_started).TotalSeconds:0} s"));
        }

        _shown = true;
    }
}
