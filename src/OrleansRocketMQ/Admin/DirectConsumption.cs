using System.Buffers;
using System.Text.Json;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Dispatch;

namespace OrleansRocketMQ.Admin;

/// <summary>
/// Gives one message to a group's listener because an administrator wants it, without any effect on offsets or retries.
/// The listener's own code runs in its grain: that of the message's key or queue where the listener consumes in order,
/// else one that no queue uses. Mirrors <c>consumeMessageDirectly</c>.
/// </summary>
internal sealed class DirectConsumption(ListenerClasses listeners, IGrainFactory grains, ILocalSiloDetails silo, TimeProvider time)
{
    private const int SlotOfAdministrators = -1;

    // The broker waits 10 s for the answer; after that nobody does.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Consumes the message and tells what became of it, as <c>ConsumeMessageDirectlyResult</c>.</summary>
    public async Task<byte[]> RunAsync(ConsumerGroupRuntime consumer, MessageExt message)
    {
        var listener = listeners.Resolve(consumer.Group, consumer.Options.Listener!);
        var isOrderly = listener.Kind == ListenerKind.Orderly;
        if (message.BodyError is { } unreadable)
        {
            return new DirectResult("CR_THROW_EXCEPTION", unreadable.Message, TimeSpan.Zero, isOrderly, AutoCommit: true).Write();
        }

        var queue = new MessageQueue(message.Topic, message.BrokerName, message.QueueId);
        var original = message.GetProperty(MessageProperties.RetryTopic) is { } topic
            ? message.WithTopic(consumer.Client.Names.Unwrap(topic))
            : message;
        using var limit = new CancellationTokenSource(Limit, time);
        try
        {
            var result = await (isOrderly
                ? RunOrderlyAsync(consumer, listener.GrainType, queue, original, limit.Token)
                : RunAsync(consumer, RunnerOf(consumer, listener, original), queue, original, limit.Token)).ConfigureAwait(false);
            return result.Write();
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested)
        {
            var remark = $"The listener has not ended within {Limit.TotalSeconds:0} s.";
            return new DirectResult("CR_THROW_EXCEPTION", remark, Limit, isOrderly, AutoCommit: true).Write();
        }
    }

    private static async Task<DirectResult> RunAsync(
        ConsumerGroupRuntime consumer,
        IListenerRunner runner,
        MessageQueue queue,
        MessageExt message,
        CancellationToken limit)
    {
        var run = new DispatchBatch(consumer.Group, queue, 1, AdaptiveBatchSizer.Limit, new([message]), consumer.Options.ConsumeTimeout)
        {
            IsDirect = true
        };
        var result = await runner.RunAsync(run, limit).AsTask().WaitAsync(limit).ConfigureAwait(false);
        if (result.IsRefused)
        {
            return Refused(result.Held, isOrderly: false, autoCommit: true);
        }

        var failure = result.Failures is [var first, ..] ? first : (ListenerFailure?)null;
        var word = failure switch { null => "CR_SUCCESS", { Error: not null } => "CR_THROW_EXCEPTION", _ => "CR_LATER" };
        return new DirectResult(word, failure?.Error, result.ListenerTime, IsOrderly: false, AutoCommit: true);
    }

    private async Task<DirectResult> RunOrderlyAsync(
        ConsumerGroupRuntime consumer,
        GrainType type,
        MessageQueue queue,
        MessageExt message,
        CancellationToken limit)
    {
        var options = consumer.Options;
        var runner = grains.GetGrain(GrainId.Create(type, consumer.GrainKeyOf(queue))).AsReference<IOrderlyRunner>();
        var run = new OrderlyBatch(
            consumer.Group,
            queue,
            LeaseNumber: 0,
            BatchSize: 1,
            AdaptiveBatchSizer.Limit,
            new([message]),
            options.AutoCommit,
            MayDecideCommit: !options.AutoCommit,
            ReconsumeTimes: null)
        {
            IsDirect = true,
        };
        var result = await runner.RunAsync(run, limit).AsTask().WaitAsync(limit).ConfigureAwait(false);
        if (result.IsRefused)
        {
            return Refused(result.Held, isOrderly: true, options.AutoCommit);
        }

        var word = result.Stopped switch
        {
            { Error: not null } => "CR_THROW_EXCEPTION",
            { IsRollback: true } => "CR_ROLLBACK",
            not null => "CR_LATER",
            null when !options.AutoCommit && result.Committed > 0 => "CR_COMMIT",
            null => "CR_SUCCESS",
        };
        return new DirectResult(word, result.Stopped?.Error, result.ListenerTime, IsOrderly: true, options.AutoCommit);
    }

    private static DirectResult Refused(string? held, bool isOrderly, bool autoCommit)
        => new("CR_LATER", held ?? "The listener's silo stops; it did not get the message.", TimeSpan.Zero, isOrderly, autoCommit);

    private IListenerRunner RunnerOf(ConsumerGroupRuntime consumer, ResolvedListener listener, MessageExt message)
    {
        var key = listener.Kind == ListenerKind.KeyOrdered
            ? consumer.Options.KeySelector is { } selector ? selector(message) : message.ShardingKey
            : null;
        return string.IsNullOrEmpty(key)
            ? new ListenerGrains(grains, listener, consumer.Group, silo.SiloAddress).Get(SlotOfAdministrators)
            : grains.GetGrain(GrainId.Create(listener.GrainType, listener.KeyOf(consumer.Group, key))).AsReference<IListenerRunner>();
    }

    private readonly record struct DirectResult(string Word, string? Remark, TimeSpan Took, bool IsOrderly, bool AutoCommit)
    {
        public byte[] Write()
        {
            var output = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(output))
            {
                json.WriteStartObject();
                json.WriteBoolean("autoCommit", AutoCommit);
                json.WriteString("consumeResult", Word);
                json.WriteBoolean("order", IsOrderly);
                if (Remark is not null)
                {
                    json.WriteString("remark", Remark);
                }

                json.WriteNumber("spentTimeMills", (long)Took.TotalMilliseconds);
                json.WriteEndObject();
            }

            return output.WrittenSpan.ToArray();
        }
    }
}
