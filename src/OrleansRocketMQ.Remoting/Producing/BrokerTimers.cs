using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Producing;

/// <summary>
/// Which brokers hold messages back to a time. Those before 5.0 deliver them at once and say nothing, so their version is
/// looked at before; later ones may be set up without (<c>timerWheelEnable=false</c>), and refuse. Thread-safe.
/// </summary>
internal sealed partial class BrokerTimers(RocketMQClient client, ILogger logger)
{
    // A broker may be set up anew.
    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMinutes(5);

    private readonly ConcurrentDictionary<string, long> _without = new(StringComparer.Ordinal);

    private TimeProvider Time => client.Remoting.TimeProvider;

    /// <summary>Whether a broker has them, as far as is known.</summary>
    public async ValueTask<bool> AreAtAsync(string address, CancellationToken cancellationToken)
    {
        if (_without.TryGetValue(address, out var since) && Time.GetElapsedTime(since) < AskAgainAfter)
        {
            return false;
        }

        if ((client.BrokerVersion(address) ?? await AskVersionAsync(address, cancellationToken))
            >= ProtocolVersion.TimerMessages)
        {
            return true;
        }

        NoteMissing(address, "it is older than 5.0");
        return false;
    }

    /// <summary>Whether a broker refused a message because it has none.</summary>
    public bool AreMissing(string address, BrokerResponseException refusal)
    {
        if (refusal.ResponseCode != ResponseCodes.SystemError
            || refusal.Remark?.StartsWith("accurate timer message is not enabled", StringComparison.Ordinal) != true)
        {
            return false;
        }

        NoteMissing(address, refusal.Remark);
        return true;
    }

    private async Task<int> AskVersionAsync(string address, CancellationToken cancellationToken)
    {
        // Without groups: it changes nothing.
        var nothing = new HeartbeatData { ClientId = client.ClientId };
        return (await client.Brokers.HeartbeatAsync(address, nothing, cancellationToken)).BrokerVersion;
    }

    private void NoteMissing(string address, string reason)
    {
        if (!_without.ContainsKey(address))
        {
            Log.NoTimers(logger, address, reason);
        }

        _without[address] = Time.GetTimestamp();
    }

    private static partial class Log
    {
        [LoggerMessage(33, LogLevel.Warning,
            "Broker {Address} holds no messages back to an exact time ({Reason}); they go there with the nearest delay level")]
        public static partial void NoTimers(ILogger logger, string address, string reason);
    }
}
