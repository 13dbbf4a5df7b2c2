using System.Collections.Concurrent;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Retry;

/// <summary>Remembers how often, and since when, brokers have refused failed messages. Thread-safe.</summary>
/// <param name="mostRefusals">After how many it is certain that nobody takes a message,</param>
/// <param name="longest">and after which time since the first.</param>
/// <param name="time">The clock.</param>
internal sealed class RefusedMessages(int mostRefusals, TimeSpan longest, TimeProvider time)
{
    // Entries of queues that went elsewhere meanwhile stay; so many refused at once means something else is wrong.
    private const int Most = 10_000;

    // What brokers say of themselves with SYSTEM_ERROR, the code they also have for a message whose stored copy is gone: how their
    // store answers a send-back, and the same in the words of a send.
    private static readonly string[] AboutTheBroker =
    [
        "SERVICE_NOT_AVAILABLE", "OS_PAGE_CACHE_BUSY", "CREATE_MAPPED_FILE_FAILED", "IN_SYNC_REPLICAS_NOT_ENOUGH",
        "PUT_TO_REMOTE_BROKER_FAIL", "WHEEL_TIMER_FLOW_CONTROL", "FLUSH_DISK_TIMEOUT", "FLUSH_SLAVE_TIMEOUT", "SLAVE_NOT_AVAILABLE",
        "create mapped file failed", "in-sync replicas not enough", "no master available", "timer message is under flow control",
    ];

    private readonly ConcurrentDictionary<(MessageQueue Queue, long Offset), Refusals> _refused = new();

    /// <summary>
    /// Whether it was the message that was refused. A broker that cannot be reached, is busy or out of order says nothing about
    /// it; nor does a topic or a group that does not exist, which is the operator's to make.
    /// </summary>
    public static bool IsAboutTheMessage(Exception exception) => exception switch
    {
        BrokerResponseException { ResponseCode: ResponseCodes.SystemError } failed => !Array.Exists(
            AboutTheBroker, words => failed.Remark?.Contains(words, StringComparison.Ordinal) == true),
        BrokerResponseException response => response.ResponseCode
            is not (ResponseCodes.SystemBusy or ResponseCodes.FlushDiskTimeout or ResponseCodes.FlushSlaveTimeout
                or ResponseCodes.SlaveNotAvailable or ResponseCodes.ServiceNotAvailable or ResponseCodes.FlowControl
                or ResponseCodes.GoAway or ResponseCodes.TopicNotExist or ResponseCodes.SubscriptionGroupNotExist),
        MessageFormatException or RocketMQValidationException or RetryQueuesException => true,
        _ => false,
    };

    /// <summary>One more refusal; whether it is certain now that nobody takes it.</summary>
    public bool Count(MessageQueue queue, long offset)
    {
        if (_refused.Count >= Most)
        {
            _refused.Clear();
        }

        var refusals = _refused.AddOrUpdate(
            (queue, offset), new Refusals(1, time.GetTimestamp()), static (_, before) => before with { Count = before.Count + 1 });
        return refusals.Count >= mostRefusals && time.GetElapsedTime(refusals.Since) >= longest;
    }

    /// <summary>Somebody has it.</summary>
    public void Forget(MessageQueue queue, long offset) => _refused.TryRemove((queue, offset), out _);

    private readonly record struct Refusals(int Count, long Since);
}
