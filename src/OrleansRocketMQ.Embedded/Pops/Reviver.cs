using System.Globalization;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Intake;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Embedded.Topics;

namespace OrleansRocketMQ.Embedded.Pops;

/// <summary>
/// Offers what was popped and is not done in time again, through the group's retry topic. As soon as its time is over: RocketMQ takes
/// two to three seconds more. Mirrors <c>PopReviveService</c>.
/// </summary>
internal sealed partial class Reviver(
    MessageStore store,
    MessageIntake intake,
    TopicTable topics,
    GroupTable groups,
    OffsetTable offsets,
    PopBook book,
    RetryTopics retryTopics,
    ILogger logger)
{
    /// <summary>How often <see cref="Sweep"/> is to be called.</summary>
    public static readonly TimeSpan SweepPeriod = TimeSpan.FromMilliseconds(100);

    private const long PauseAfterFailure = 10_000;

    private readonly Lock _sweeping = new();

    /// <summary>Offers again what is due.</summary>
    public void Sweep()
    {
        // Of two rounds that overlap, the first one does it all.
        if (!_sweeping.TryEnter())
        {
            return;
        }

        try
        {
            IReadOnlyList<Checkpoint> due;
            lock (book.Gate)
            {
                due = book.Checkpoints.TakeDue(store.Now);
            }

            foreach (var checkpoint in due)
            {
                TryRevive(checkpoint);
            }
        }
        finally
        {
            _sweeping.Exit();
        }
    }

    // Not under the book's lock: what a broker makes for it is saved, and saving reads the book. An acknowledgement that comes in this
    // moment comes too late.
    private void TryRevive(Checkpoint checkpoint)
    {
        try
        {
            long[] open;
            lock (book.Gate)
            {
                open = [.. checkpoint.Open];
            }

            foreach (var offset in open)
            {
                Revive(checkpoint.Key, offset);
            }

            lock (book.Gate)
            {
                book.Checkpoints.Remove(checkpoint);
            }
        }
        catch (Exception exception)
        {
            Log.NotRevived(logger, checkpoint.Key.Topic, checkpoint.Key.Group, exception);
            lock (book.Gate)
            {
                book.Checkpoints.Delay(checkpoint, store.Now + PauseAfterFailure);
            }
        }

        book.NoteChange();
    }

    private void Revive(CheckpointKey pop, long offset)
    {
        var normal = RetryTopics.NormalOf(pop.Topic, pop.Group);
        if (topics.Find(normal) is null || !groups.Contains(pop.Group))
        {
            return;
        }

        if (!store.TryGet(new(pop.Topic, pop.QueueId), offset, out _, out var record))
        {
            Log.Gone(logger, offset, pop.Topic, pop.QueueId);
            return;
        }

        // Where a message has failed before, it stays in the topic it came from.
        var topic = normal == pop.Topic ? retryTopics.ToFill(pop.Topic, pop.Group) : pop.Topic;
        if (topics.Find(topic) is null)
        {
            topics.Ensure(topic, 1);
            if (offsets.Find(new(pop.Group, topic, 0)) is null)
            {
                offsets.Commit(new(pop.Group, topic, 0), 0);
            }
        }

        if (!intake.TryPut(AgainIn(topic, record, pop.PopTime), out _))
        {
            Log.NotStored(logger, offset, pop.Topic, pop.QueueId);
        }
    }

    private static OutgoingMessage AgainIn(string topic, ReadOnlyMemory<byte> record, long popTime)
    {
        var stored = RecordLayout.Decode(record);
        var properties = new Dictionary<string, string>(stored.Properties, StringComparer.Ordinal);
        if (stored.ReconsumeTimes == 0 || !properties.ContainsKey(MessageProperties.FirstPopTime))
        {
            properties[MessageProperties.FirstPopTime] = popTime.ToString(CultureInfo.InvariantCulture);
        }

        return new()
        {
            Topic = topic,
            QueueId = 0,
            Body = RecordLayout.BodyMemory(record),
            Properties = properties,
            Flag = stored.Flag,
            SysFlag = stored.SysFlag,
            BornTimestamp = stored.BornTimestamp,
            BornHost = stored.StoreHost,
            ReconsumeTimes = stored.ReconsumeTimes + 1,

            // As in RocketMQ, one that came late at first comes as late again.
            DelayLevel = OutgoingMessage.DelayLevelOf(properties),
        };
    }

    private static partial class Log
    {
        [LoggerMessage(180, LogLevel.Error, "Popped messages of {Topic} could not be offered to {Group} again; it will be tried once more")]
        public static partial void NotRevived(ILogger logger, string topic, string group, Exception exception);

        [LoggerMessage(181, LogLevel.Warning, "Popped message {Offset} of {Topic}/{QueueId} is not kept any more and not offered again")]
        public static partial void Gone(ILogger logger, long offset, string topic, int queueId);

        [LoggerMessage(182, LogLevel.Error, "Popped message {Offset} of {Topic}/{QueueId} cannot be stored again and is lost")]
        public static partial void NotStored(ILogger logger, long offset, string topic, int queueId);
    }
}
