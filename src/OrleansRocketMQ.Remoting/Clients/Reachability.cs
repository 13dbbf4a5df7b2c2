using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Clients;

/// <summary>Remembers which servers fail, so that a log tells of each once when it goes and once when it is back. Thread-safe.</summary>
internal sealed partial class Reachability(string kind, TimeProvider time, ILogger logger)
{
    private readonly ConcurrentDictionary<string, UnreachableServer> _failing = new(StringComparer.Ordinal);

    /// <summary>Those that fail now.</summary>
    public IReadOnlyList<UnreachableServer> Failing => [.. _failing.Values];

    public bool IsFailing(string address) => _failing.ContainsKey(address);

    public void Failed(string address, Exception reason)
    {
        if (_failing.TryAdd(address, new UnreachableServer(address, time.GetUtcNow(), reason.Message)))
        {
            Log.Lost(logger, kind, address, reason.Message);
        }
    }

    public void Succeeded(string address)
    {
        if (!_failing.IsEmpty && _failing.TryRemove(address, out _))
        {
            Log.Back(logger, kind, address);
        }
    }

    /// <summary>Forgets a server that is not asked any more.</summary>
    public void Forget(string address) => _failing.TryRemove(address, out _);

    private static partial class Log
    {
        [LoggerMessage(20, LogLevel.Warning, "{Kind} {Address} does not serve: {Reason}. It is tried again quietly until it does")]
        public static partial void Lost(ILogger logger, string kind, string address, string reason);

        [LoggerMessage(21, LogLevel.Information, "{Kind} {Address} serves again")]
        public static partial void Back(ILogger logger, string kind, string address);
    }
}
