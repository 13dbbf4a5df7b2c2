using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Cluster.Load;

/// <summary>What the product's own classes warn of on any silo of a test, with the time, for who looks into why one failed. Thread-safe.</summary>
internal sealed class ProductWarnings : ILoggerProvider
{
    private const int Most = 500;
    private readonly ConcurrentQueue<string> _lines = new();

    public ILogger CreateLogger(string categoryName)
        => new Logger(this, categoryName[(categoryName.LastIndexOf('.') + 1)..], categoryName.StartsWith("OrleansRocketMQ.", StringComparison.Ordinal));

    public void Dispose()
    {
    }

    public override string ToString() => string.Join(Environment.NewLine, _lines);

    private sealed class Logger(ProductWarnings owner, string category, bool isProduct) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => isProduct && logLevel >= LogLevel.Warning;

        public void Log<TState>(
            LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel) && owner._lines.Count < Most)
            {
                var time = TimeProvider.System.GetUtcNow().ToString("HH:mm:ss.fff", CultureInfo.InvariantCulture);
                owner._lines.Enqueue($"{time} {category}: {formatter(state, exception)} {exception?.Message}");
            }
        }
    }
}
