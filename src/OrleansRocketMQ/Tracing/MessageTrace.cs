using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Tracing;

/// <summary>
/// Tells the trace topic which messages a group on this silo got, and how the listener ended. Never holds up a listener:
/// what does not fit into the queue is dropped and counted. Thread-safe. Mirrors <c>AsyncTraceDispatcher</c> and
/// <c>ConsumeMessageTraceHookImpl</c>.
/// </summary>
internal sealed partial class MessageTrace(string group, string topic, Func<Producer> createProducer, TimeProvider time, ILogger logger)
{
    public const int QueueLength = 2048;
    private const int BatchSize = 10;
    private const int MaxBodyLength = 128_000;
    private static readonly TimeSpan FlushInterval = TimeSpan.FromSeconds(5);

    private readonly Channel<TraceRecord> _records
        = Channel.CreateBounded<TraceRecord>(new BoundedChannelOptions(QueueLength) { SingleReader = true });
    private readonly CancellationTokenSource _abandon = new();
    private Task _sending = Task.CompletedTask;
    private long _dropped;

    /// <summary>Pieces that did not fit, or could not be sent.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    public void Start()
        => _sending = BackgroundLoop.Run($"message trace of group {group}", _ => SendAllAsync(), time, logger, _abandon.Token);

    /// <summary>A listener is about to be called.</summary>
    /// <returns>The call, to be ended by <see cref="End"/>; null when none of its messages is to be traced.</returns>
    public TracedCall? Begin(ArraySegment<MessageExt> batch)
    {
        var messages = batch.Where(IsTraced).ToArray();
        if (messages.Length == 0)
        {
            return null;
        }

        var call = new TracedCall(UniqueMessageId.OfThisProcess.Next(), messages, batch.Count, time.GetUtcNow().ToUnixTimeMilliseconds());
        Add(TraceRecord.Before(group, call.RequestId, messages, call.StartedAt));
        return call;
    }

    /// <summary>The listener has ended.</summary>
    public void End(TracedCall call, bool succeeded, TraceOutcome outcome)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        Add(TraceRecord.After(group, call.RequestId, call.Messages, now, (now - call.StartedAt) / call.BatchSize, succeeded, outcome));
    }

    /// <summary>Sends what is there, but not for longer than <paramref name="budget"/>.</summary>
    public async Task StopAsync(TimeSpan budget)
    {
        _records.Writer.TryComplete();
        _abandon.CancelAfter(budget);
        await _sending.ConfigureAwait(false);
    }

    private static bool IsTraced(MessageExt message)
        => message.GetProperty(MessageProperties.TraceSwitch) != "false"
            && message.GetProperty(MessageProperties.MessageRegion) is not null;

    private void Add(TraceRecord record)
    {
        if (!_records.Writer.TryWrite(record) && Interlocked.Increment(ref _dropped) == 1)
        {
            Log.Full(logger, group);
        }
    }

    private async Task SendAllAsync()
    {
        await using var producer = createProducer();
        var batch = new List<TraceRecord>(BatchSize);
        while (await CollectAsync(batch).ConfigureAwait(false))
        {
            foreach (var sameTopic in batch.GroupBy(record => record.Topic))
            {
                await SendAsync(producer, sameTopic).ConfigureAwait(false);
            }

            batch.Clear();
        }
    }

    /// <summary>Waits until there are enough, or the first of them has waited long enough; false at the end.</summary>
    private async Task<bool> CollectAsync(List<TraceRecord> batch)
    {
        if (!await _records.Reader.WaitToReadAsync().ConfigureAwait(false))
        {
            return false;
        }

        using var flush = new CancellationTokenSource(FlushInterval, time);
        try
        {
            do
            {
                while (batch.Count < BatchSize && _records.Reader.TryRead(out var record))
                {
                    batch.Add(record);
                }
            }
            while (batch.Count < BatchSize && await _records.Reader.WaitToReadAsync(flush.Token).ConfigureAwait(false));
        }
        catch (OperationCanceledException)
        {
            // Time to send what is there.
        }

        return true;
    }

    private async Task SendAsync(Producer producer, IEnumerable<TraceRecord> records)
    {
        var text = new StringBuilder(1024);
        var keys = new HashSet<string>(StringComparer.Ordinal);
        var count = 0;
        foreach (var record in records)
        {
            text.Append(record.Text);
            keys.UnionWith(record.Keys);
            count++;
            if (text.Length >= MaxBodyLength)
            {
                await FlushAsync().ConfigureAwait(false);
            }
        }

        if (count > 0)
        {
            await FlushAsync().ConfigureAwait(false);
        }

        async Task FlushAsync()
        {
            try
            {
                var message = new Message(topic, Encoding.UTF8.GetBytes(text.ToString()))
                {
                    Keys = string.Join(MessageProperties.KeySeparator, keys),
                };
                await producer.SendAsync(message, _abandon.Token).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                // Whatever it is, what comes later may well be sent.
                Interlocked.Add(ref _dropped, count);
                Log.NotSent(logger, group, count, topic, exception.Message);
            }

            text.Clear();
            keys.Clear();
            count = 0;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(281, LogLevel.Warning, "Group {Group} consumes faster than its message trace can be sent; some of it is dropped")]
        public static partial void Full(ILogger logger, string group);

        [LoggerMessage(282, LogLevel.Warning, "Group {Group} could not send {Count} pieces of message trace to {Topic}: {Reason}")]
        public static partial void NotSent(ILogger logger, string group, int count, string topic, string reason);
    }
}

/// <summary>A listener call that is traced.</summary>
internal sealed record TracedCall(string RequestId, IReadOnlyList<MessageExt> Messages, int BatchSize, long StartedAt);
