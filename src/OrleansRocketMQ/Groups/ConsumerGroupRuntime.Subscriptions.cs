using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Subscriptions;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Consumers;

/// <summary>What brokers hear of what the group consumes.</summary>
internal sealed partial class ConsumerGroupRuntime
{
    /// <summary>
    /// The group subscribes to something else: brokers are told, then queues start and end, and pulls that wait at a broker
    /// with an old selector are asked anew.
    /// </summary>
    public async Task ChangeSubscriptionsAsync(IEnumerable<WantedSubscription> subscriptions, CancellationToken cancellationToken)
    {
        var changed = Subscriptions.Replace(subscriptions);
        try
        {
            await TellSubscriptionsAsync(cancellationToken);
        }
        finally
        {
            foreach (var pump in Pumps.Values.Where(pump => changed.Contains(pump.Queue.Topic)))
            {
                pump.RestartPull();
            }
        }
    }

    /// <summary>Brokers hear what the group consumes, and then everybody here that it has changed.</summary>
    public async Task TellSubscriptionsAsync(CancellationToken cancellationToken)
    {
        TellTopics();
        try
        {
            await Client.HeartbeatAsync(cancellationToken).WaitAsync(LongestTelling, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The others have heard; one that is silent holds up nobody. It hears when it answers, or with its next heartbeat.
        }
        finally
        {
            SubscriptionsChanged?.Invoke();
        }
    }

    // Topics whose queues still run here stay known: their brokers get the last commits.
    private void TellTopics() => Client.ConsumerChanged(
        Group, Subscriptions.All.Select(subscription => subscription.Topic).Union(
            Pumps.Keys.Select(queue => queue.Topic), StringComparer.Ordinal));

    /// <summary>What heartbeats tell of the group.</summary>
    public ConsumerData Describe() => new()
    {
        GroupName = Group,
        MessageModel = IsBroadcasting ? ConsumerDataValues.Broadcasting : ConsumerDataValues.Clustering,
        ConsumeFromWhere = Options.ConsumeFromWhere switch
        {
            ConsumeFromWhere.FirstOffset => ConsumerDataValues.FromFirstOffset,
            ConsumeFromWhere.Timestamp => ConsumerDataValues.FromTimestamp,
            _ => ConsumerDataValues.FromLastOffset,
        },
        SubscriptionDataSet = [.. Subscriptions.All.Select(subscription => subscription.Data)],
        UnitMode = Options.UnitMode,
    };
}
