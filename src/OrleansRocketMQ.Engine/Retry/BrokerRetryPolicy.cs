using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>
/// Asks a broker now and then how its operators want the group's failed messages treated (<c>retryMaxTimes</c>,
/// <c>groupRetryPolicy</c>), and has <see cref="RetryRules"/> go by it. Java's clients over remoting do not ask; those over gRPC
/// do, by way of the proxy.
/// </summary>
/// <param name="rules">What goes by it.</param>
/// <param name="brokers">The brokers.</param>
/// <param name="routes">Where they are.</param>
/// <param name="topics">What the group subscribes to.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Where changes and refusals are told.</param>
internal sealed partial class BrokerRetryPolicy(
    RetryRules rules, IRetryBroker brokers, IRoutes routes, Func<IEnumerable<string>> topics, TimeProvider time, ILogger logger)
{
    // Until there is a first answer the group goes by its own options, and its messages could die too early.
    private static readonly TimeSpan SoonAgain = TimeSpan.FromSeconds(1);

    private string? _told;
    private bool _hasAnswer;

    /// <summary>What goes by it.</summary>
    public RetryRules Rules => rules;

    private string Group => rules.Options.Group;

    /// <summary>Looks at once, soon again until there is a first answer, and then from time to time, until it is told to stop.</summary>
    public async Task RunAsync(TimeSpan interval, CancellationToken stopping)
    {
        try
        {
            while (true)
            {
                await LookAsync(stopping);
                await Task.Delay(_hasAnswer || interval < SoonAgain ? interval : SoonAgain, time, stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The group stops.
        }
    }

    /// <summary>
    /// Asks the broker whose name is first. One that has nothing to tell leaves the group to its own options; one that does not
    /// answer, or not now, leaves everything as it was.
    /// </summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (FirstBroker() is not { } broker)
        {
            return;
        }

        try
        {
            var config = await AskAsync(broker.Address, cancellationToken);
            (rules.Broker, _hasAnswer) = (config, true);
            if (ShouldTell($"{config.RetryMaxTimes} {config.GroupRetryPolicy}"))
            {
                Log.Found(logger, Group, broker.BrokerName, rules.MaxReconsumeTimes, $"{config.GroupRetryPolicy}");
            }
        }
        catch (BrokerResponseException refusal) when (refusal.ResponseCode is
            ResponseCodes.SubscriptionGroupNotExist or ResponseCodes.NoPermission or ResponseCodes.RequestCodeNotSupported)
        {
            // A group that is new is made by its members' heartbeat, and one that may not be made is told of elsewhere.
            (rules.Broker, _hasAnswer) = (null, true);
            if (refusal.ResponseCode != ResponseCodes.SubscriptionGroupNotExist && ShouldTell(refusal.Message))
            {
                Log.Refused(logger, Group, refusal.Message);
            }
        }
        catch (RocketMQException exception)
        {
            Log.NotAsked(logger, Group, exception);
        }
    }

    private async Task<SubscriptionGroupConfig> AskAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            return await brokers.GetGroupConfigAsync(address, Group, cancellationToken);
        }
        catch (BrokerResponseException refusal) when (refusal.ResponseCode == ResponseCodes.RequestCodeNotSupported)
        {
            return await brokers.FindGroupConfigAsync(address, Group, cancellationToken)
                ?? throw new BrokerResponseException(
                    RequestCodes.GetAllSubscriptionGroupConfig,
                    ResponseCodes.SubscriptionGroupNotExist,
                    "it is not among all groups",
                    address);
        }
    }

    // All silos ask the same one, so that they agree where brokers do not.
    private BrokerAddress? FirstBroker() => topics()
        .SelectMany(topic => routes.Find(topic)?.Data.QueueDatas ?? [])
        .Select(queues => queues.BrokerName)
        .Distinct(StringComparer.Ordinal)
        .Order(StringComparer.Ordinal)
        .Select(name => routes.FindAddress(new MessageQueue(string.Empty, name, 0), onlyThisBroker: true))
        .FirstOrDefault(address => address is not null);

    private bool ShouldTell(string what)
    {
        var isNew = what != _told;
        _told = what;
        return isNew;
    }

    private static partial class Log
    {
        [LoggerMessage(
            366,
            LogLevel.Information,
            "Group {Group} goes by what broker {Broker} says of failed messages: they may fail {Times} times, and wait {Policy}")]
        public static partial void Found(ILogger logger, string group, string broker, int times, string policy);

        [LoggerMessage(
            367,
            LogLevel.Warning,
            "Group {Group} goes by its own settings for failed messages, as its broker does not tell its own (UseBrokerRetryPolicy): "
            + "{Reason}")]
        public static partial void Refused(ILogger logger, string group, string reason);

        [LoggerMessage(
            368,
            LogLevel.Debug,
            "Group {Group} could not ask its broker how failed messages are treated; it goes on as before and asks again")]
        public static partial void NotAsked(ILogger logger, string group, Exception exception);
    }
}
