using System.Buffers;
using System.Diagnostics;
using System.Text.Json;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;

namespace OrleansRocketMQ.Admin;

/// <summary>
/// Gives one message to a group's listener because an administrator wants it, without any effect on offsets or retries.
/// The listener's own code runs in its grain, one that no queue uses. Mirrors <c>consumeMessageDirectly</c>.
/// </summary>
internal sealed class DirectConsumption(ListenerClasses listeners, IGrainFactory grains, ILocalSiloDetails silo, TimeProvider time)
{
    private const int SlotOfAdministrators = -1;

    // The broker waits 10 s for the answer; after that nobody does.
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(10);

    /// <summary>Consumes the message and tells what became of it, as <c>ConsumeMessageDirectlyResult</c>.</summary>
    /// <exception cref="ConsumerStateException">The group's listener is of a kind that only consumes whole queues.</exception>
    public async Task<byte[]> RunAsync(GroupConsumer consumer, MessageExt message)
    {
        if (message.BodyError is { } unreadable)
        {
            return Write("CR_THROW_EXCEPTION", unreadable.Message, TimeSpan.Zero);
        }

        var listener = listeners.Resolve(consumer.Group, consumer.Options.Listener!);
        if (listener.Kind != ListenerKind.Concurrent)
        {
            throw new ConsumerStateException(consumer.Group, $"consuming with a listener of kind {listener.Kind}", "consume a message directly");
        }

        var queue = new MessageQueue(message.Topic, message.BrokerName, message.QueueId);
        var original = message.GetProperty(MessageProperties.RetryTopic) is { } topic ? message.WithTopic(topic) : message;
        var runner = new ListenerGrains(grains, listener.GrainType, silo.SiloAddress).Get(SlotOfAdministrators);
        using var limit = new CancellationTokenSource(Limit, time);
        var start = Stopwatch.GetTimestamp();
        try
        {
            var result = await runner.RunAsync(new ListenerRun(consumer.Group, queue, 1, RunLength.Limit, new([original])), limit.Token)
                .AsTask().WaitAsync(limit.Token).ConfigureAwait(false);
            var failure = result.Failures is [var first, ..] ? first : (FailedMessage?)null;
            return Write(
                failure switch { null => "CR_SUCCESS", { Error: not null } => "CR_THROW_EXCEPTION", _ => "CR_LATER" }, failure?.Error, result.ListenerTime);
        }
        catch (OperationCanceledException)
        {
            return Write("CR_THROW_EXCEPTION", $"The listener has not ended within {Limit.TotalSeconds:0} s.", Stopwatch.GetElapsedTime(start));
        }
    }

    private static byte[] Write(string result, string? remark, TimeSpan took)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(output))
        {
            json.WriteStartObject();
            json.WriteBoolean("autoCommit", true);
            json.WriteString("consumeResult", result);
            json.WriteBoolean("order", false);
            if (remark is not null)
            {
                json.WriteString("remark", remark);
            }

            json.WriteNumber("spentTimeMills", (long)took.TotalMilliseconds);
            json.WriteEndObject();
        }

        return output.WrittenSpan.ToArray();
    }
}
