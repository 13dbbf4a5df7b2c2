using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Options;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// Whether a broker brings back what it is asked to. With <c>retryQueueNums=0</c> brokers say yes and drop the message; with
/// more than the group's %RETRY% topic has queues, as after a change of that setting alone, they put it into queues that no
/// route tells of and no consumer reads. Thread-safe.
/// </summary>
internal sealed partial class RetryQueues(IRetryBroker brokers, IRoutes routes, string group, TimeProvider time, ILogger logger)
{
    // Messages fail in numbers; settings are changed by hand.
    private static readonly TimeSpan Fresh = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, Setting> _settings = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, string> _told = new(StringComparer.Ordinal);

    private string Topic => SystemTopics.Retry(group);

    /// <summary>
    /// Whether every broker that has the group's %RETRY% topic has it without queues: then a copy has no place to go
    /// either.
    /// </summary>
    public bool HasNone => routes.Find(Topic) is { Data.QueueDatas: { Count: > 0 } all } && all.All(queues => queues.WriteQueueNums == 0);

    /// <summary>To be asked before a message is given back to its broker.</summary>
    /// <exception cref="RetryQueuesException">The broker would say yes, and the message would be lost.</exception>
    /// <exception cref="OperationCanceledException">The caller gives up.</exception>
    public async Task CheckAsync(BrokerAddress broker, bool asDead, CancellationToken cancellationToken)
    {
        if (await SettingOf(broker).WaitAsync(cancellationToken) is not { } wanted || WhyNot(broker, wanted, asDead) is not { } reason)
        {
            return;
        }

        if (!_told.TryGetValue(broker.BrokerName, out var told) || told != reason)
        {
            _told[broker.BrokerName] = reason;
            Log.NoRetries(logger, group, reason);
        }

        throw new RetryQueuesException(reason);
    }

    private string? WhyNot(BrokerAddress broker, int wanted, bool asDead)
    {
        if (wanted <= 0)
        {
            return $"broker {broker.BrokerName} at {broker.Address} drops what group {group} fails on, "
                + $"as the group has retryQueueNums={wanted} there; "
                + $"change it: mqadmin updateSubGroup -b {broker.Address} -g {group} -q 1";
        }

        var there = routes.Find(Topic)?.Data.QueueDatas.FirstOrDefault(queues => queues.BrokerName == broker.BrokerName)?.ReadQueueNums;
        return there is not { } count || wanted <= count || asDead
            ? null
            : $"broker {broker.BrokerName} at {broker.Address} would put what group {group} fails on into one of {wanted} queues "
                + $"(retryQueueNums), of which topic {Topic} has {count}; "
                + $"make them the same: mqadmin updateTopic -b {broker.Address} -t {Topic} -r {wanted} -w {wanted}";
    }

    private Task<int?> SettingOf(BrokerAddress broker)
    {
        if (!_settings.TryGetValue(broker.Address, out var setting) || time.GetElapsedTime(setting.At) > Fresh)
        {
            // Two that ask at the same time may both ask the broker.
            _settings[broker.Address] = setting = new(time.GetTimestamp(), AskAsync(broker.Address));
        }

        return setting.Count;
    }

    // Null: not known, since the broker is too old for the question, does not let us ask, or is away. Then it is as it was always.
    private async Task<int?> AskAsync(string address)
    {
        try
        {
            return (await brokers.GetGroupConfigAsync(address, group, CancellationToken.None)).RetryQueueNums;
        }
        catch (RocketMQException)
        {
            return null;
        }
    }

    private sealed record Setting(long At, Task<int?> Count);

    private static partial class Log
    {
        [LoggerMessage(
            129,
            LogLevel.Warning,
            "Group {Group} does not give failed messages back where they would be lost, a copy goes to the retry topic if it has "
            + "queues: {Reason}")]
        public static partial void NoRetries(ILogger logger, string group, string reason);
    }
}

/// <summary>A broker is set up so that a failed message given back to it would be lost.</summary>
internal sealed class RetryQueuesException(string reason) : RocketMQException(RocketMQErrorCode.Configuration, $"Not given back: {reason}");
