using System.Collections.Concurrent;

namespace OrleansRocketMQ.SiloHost.Terminal;

/// <summary>Logs to the host's console, above its live line.</summary>
[ProviderAlias("Console")]
internal sealed class HostConsoleLoggerProvider(HostConsole console, TimeProvider time) : ILoggerProvider
{
    private readonly ConcurrentDictionary<string, HostConsoleLogger> _loggers = new(StringComparer.Ordinal);

    public ILogger CreateLogger(string categoryName) => _loggers.GetOrAdd(categoryName, name => new HostConsoleLogger(name, console, time));

    public void Dispose() => _loggers.Clear();
}

/// <inheritdoc cref="HostConsoleLoggerProvider"/>
internal sealed class HostConsoleLogger(string category, HostConsole console, TimeProvider time) : ILogger
{
    private readonly string _shortCategory = category[(category.LastIndexOf('.') + 1)..];

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => logLevel != LogLevel.None;

    public void Log<TState>(
        LogLevel logLevel,
        EventId eventId,
        TState state,
        Exception? exception,
        Func<TState, Exception?, string> formatter)
    {
        var line = $"{time.GetLocalNow():HH:mm:ss} {NameOf(logLevel)} {_shortCategory}: {formatter(state, exception)}";
        console.WriteLine(exception switch
        {
            null => line,
            // These say in their message what is wrong; where in the code it was noticed helps nobody.
            RocketMQException => $"{line}: {exception.Message}",
            _ => $"{line}{Environment.NewLine}{exception}",
        });
    }

    private static string NameOf(LogLevel level) => level switch
    {
        LogLevel.Trace => "trce",
        LogLevel.Debug => "dbug",
        LogLevel.Information => "info",
        LogLevel.Warning => "warn",
        LogLevel.Error => "fail",
        _ => "crit",
    };
}
