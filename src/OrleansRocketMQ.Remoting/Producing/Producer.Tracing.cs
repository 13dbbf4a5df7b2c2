using System.Diagnostics;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Producing;

/// <summary>Makes messages ready and sends them, inside an activity of their own and measured when somebody wants that.</summary>
public sealed partial class Producer
{
    private Task<SendResult> StartAsync(in Outgoing call, CancellationToken cancellationToken)
        => Options.Filters.Count > 0 && call.Count > 0 ? SendFilteredAsync(call, cancellationToken) : SendAsync(call, cancellationToken);

    private Task<SendResult> SendAsync(in Outgoing call, CancellationToken cancellationToken)
        => call.Count > 0 && (IsTraced || SendMetrics.AreWanted)
            ? SendObservedAsync(call, cancellationToken)
            : RouteAsync(call, Prepare(call), cancellationToken);

    private bool IsTraced => Options.PropagateTraceContext && SendSpan.AreWanted;

    private async Task<SendResult> SendObservedAsync(Outgoing call, CancellationToken cancellationToken)
    {
        var time = _client.Remoting.TimeProvider;
        using var activity = IsTraced
            ? SendSpan.Start(call.First, call.Count, _client.Options, time.GetUtcNow().ToUnixTimeMilliseconds())
            : null;
        var began = time.GetTimestamp();
        try
        {
            var result = await RouteAsync(call, Prepare(call), cancellationToken).ConfigureAwait(false);
            SendSpan.Succeed(activity, result, ServerOf(result.Queue));
            _metrics.Note(call.First.Topic, call.Count, time.GetElapsedTime(began), ServerOf(result.Queue), error: null);
            return result;
        }
        catch (Exception exception)
        {
            SendSpan.Fail(activity, exception);
            _metrics.Note(call.First.Topic, call.Count, time.GetElapsedTime(began), ServerOf(call.Queue), exception);
            throw;
        }
    }

    private string? ServerOf(MessageQueue? queue)
        => queue is null ? null : _client.Routes.FindAddressOf(queue, BrokerData.MasterId, onlyThisBroker: true)?.Address;

    private OutgoingMessage Prepare(in Outgoing call)
    {
        var activity = Options.PropagateTraceContext ? Activity.Current : null;
        return call.Single is null && call.Batch is not null
            ? OutgoingMessage.OfBatch(call.Batch, Options, _client.Remoting.TimeProvider, activity)
            : OutgoingMessage.Of(call.Single!, Options, _client.Remoting.TimeProvider, activity);
    }

    /// <summary>What a caller wants sent, and whereto: a message or a batch, to a queue, one that is selected, or any.</summary>
    private readonly record struct Outgoing(
        Message? Single,
        IReadOnlyList<Message>? Batch,
        MessageQueue? Queue = null,
        IQueueSelector? Selector = null,
        object? Argument = null,
        bool IsOneWay = false)
    {
        /// <summary>How many messages there are; 0 when the caller gave none, which is for the checks to say.</summary>
        public int Count => Single is not null ? 1 : Batch?.Count ?? 0;

        /// <summary>The message, or the first of the batch.</summary>
        public Message First => Single ?? Batch![0];

        /// <summary>As a filter wants it.</summary>
        public Outgoing With(IReadOnlyList<Message> messages) => Single is not null && messages.Count == 1
            ? this with { Single = messages[0] }
            : this with { Single = null, Batch = messages };
    }
}
