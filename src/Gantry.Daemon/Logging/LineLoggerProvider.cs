using System.Globalization;
using System.Text;
using Microsoft.Extensions.Logging;

namespace Gantry.Daemon.Logging;

/// <summary>Writes one line an entry to standard error: time, level, category's last part, message, and the exception's.</summary>
internal sealed class LineLoggerProvider(LogLevel minimum) : ILoggerProvider
{
    private readonly Stream _output = Console.OpenStandardError();
    private readonly Lock _gate = new();

    public ILogger CreateLogger(string categoryName) => new LineLogger(this, categoryName[(categoryName.LastIndexOf('.') + 1)..]);

    public void Dispose() => _output.Dispose();

    private void Write(string line)
    {
        lock (_gate)
        {
            _output.Write(Encoding.UTF8.GetBytes(line));
        }
    }

    private sealed class LineLogger(LineLoggerProvider provider, string category) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= provider.Minimum;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
            {
                return;
            }

            var reason = exception is null ? "" : logLevel >= LogLevel.Error ? $": {exception}" : $": {exception.Message}";
            provider.Write(string.Create(CultureInfo.InvariantCulture, $"{DateTime.UtcNow:yyyy-MM-ddTHH:mm:ss.fffZ} {Name(logLevel)} {category}: {formatter(state, exception)}{reason}\n"));
        }

        private static string Name(LogLevel level) => level switch
        {
            LogLevel.Trace or LogLevel.Debug => "debug",
            LogLevel.Information => "info",
            LogLevel.Warning => "warn",
            _ => "error",
        };
    }

    private LogLevel Minimum => minimum;
}
