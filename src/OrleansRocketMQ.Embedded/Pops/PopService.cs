using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>All that a broker has for groups that pop.</summary>
internal sealed class PopService : IDisposable
{
    private readonly RetryTopics _retryTopics;
    private readonly PollHold _pops;
    private readonly PollHold _notifications;
    private readonly OrderedQueues _ordered;
    private readonly Reviver _reviver;
    private readonly PopProcessor _popProcessor;
    private readonly AckProcessor _ackProcessor;

    public PopService(
        string brokerName,
        MessageStore store,
        MessageIntake intake,
        TopicTable topics,
        GroupTable groups,
        OffsetTable offsets,
        PopBook book,
        EmbeddedRocketMQOptions options,
        ILogger logger)
    {
        Book = book;
        _retryTopics = new(options.EnableRetryTopicV2);
        _pops = new(store, options.PopPollingSize);
        _notifications = new(store, options.PopPollingSize);
        _ordered = new(store, offsets, book, _pops, _notifications);
        var popper = new Popper(store, topics, offsets, book, _ordered, _retryTopics, brokerName);
        _reviver = new(store, intake, topics, groups, offsets, book, _retryTopics, logger);
        _popProcessor = new(popper, _pops, _notifications, topics, groups, store, options);
        _ackProcessor = new(store, topics, book, _ordered, brokerName);
    }

    /// <summary>How often <see cref="Sweep"/> is to be called.</summary>
    public static TimeSpan SweepPeriod => Reviver.SweepPeriod;

    public PopBook Book { get; }

    /// <summary>How many pops wait for messages.</summary>
    public int HeldPops => _pops.Count;

    public void AddTo(RequestTable table)
    {
        _popProcessor.AddTo(table);
        _ackProcessor.AddTo(table);
    }

    /// <summary>How many messages of a topic, those that came again included, a group has in work.</summary>
    public int CountOf(string group, string topic) => Book.CountOf(group, [topic, .. _retryTopics.All(topic, group)]);

    /// <summary>Offers again what is due, and ends those who have waited long enough.</summary>
    public void Sweep()
    {
        _reviver.Sweep();
        _ordered.WakeFree();
        _pops.Sweep();
        _notifications.Sweep();
    }

    /// <summary>A connection has ended.</summary>
    public void Forget(ClientPeer peer)
    {
        _pops.Forget(peer);
        _notifications.Forget(peer);
    }

    public void DropHeld()
    {
        _pops.DropAll();
        _notifications.DropAll();
    }

    public void Dispose()
    {
        _pops.Dispose();
        _notifications.Dispose();
    }
}
