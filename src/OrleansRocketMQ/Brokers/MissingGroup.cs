using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Consumers;

/// <summary>
/// Brokers that do not know a group and may not make it (<c>autoCreateSubscriptionGroup=false</c>). They ignore its
/// heartbeats without a word, so each is told of once, and health says it. Thread-safe.
/// </summary>
internal sealed partial class MissingGroup(string group, RocketMQClient client, ILogger logger)
{
    private readonly ConcurrentDictionary<string, string> _brokers = new(StringComparer.Ordinal);

    /// <summary>What is wrong at each of them, and what to do.</summary>
    public IEnumerable<string> Reasons => _brokers.OrderBy(broker => broker.Key, StringComparer.Ordinal).Select(broker => broker.Value);

    public static bool IsSaidBy(Exception exception)
        => exception is BrokerResponseException { ResponseCode: ResponseCodes.SubscriptionGroupNotExist };

    /// <summary>
    /// Asks a queue's broker whether the group may pull: that brings and moves nothing, and needs no heartbeat before.
    /// </summary>
    public async Task LookAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        if (client.Routes.FindAddressOf(queue) is not { } broker)
        {
            return;
        }

        try
        {
            await client.Brokers.CheckPullAsync(broker.Address, group, queue, cancellationToken).ConfigureAwait(false);
            Found(broker.BrokerName);
        }
        catch (RocketMQException exception) when (IsSaidBy(exception))
        {
            Note(broker.BrokerName);
        }
        catch (RocketMQException)
        {
            // Whatever else is wrong with this broker is told by those who need it.
        }
    }

    /// <summary>A broker has said that there is no such group.</summary>
    public void Note(string broker)
    {
        var address = client.Routes.FindAddress(broker)?.Address;
        var reason = $"broker {broker} at {address} has no consumer group {group} and makes none by itself; "
            + $"make it with mqadmin updateSubGroup -b {address} -g {group}, "
            + "or have brokers make groups with autoCreateSubscriptionGroup=true";
        if (_brokers.TryAdd(broker, reason))
        {
            Log.Missing(logger, group, reason);
        }
    }

    /// <summary>A broker has served the group.</summary>
    public void Found(string broker)
    {
        if (!_brokers.IsEmpty)
        {
            _brokers.TryRemove(broker, out _);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(143, LogLevel.Warning, "Group {Group} cannot consume: {Reason}")]
        public static partial void Missing(ILogger logger, string group, string reason);
    }
}
