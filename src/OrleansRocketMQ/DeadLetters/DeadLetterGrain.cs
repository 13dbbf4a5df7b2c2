using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.DeadLetters;

/// <inheritdoc cref="IDeadLetterGrain"/>
// One for the cluster, also while silos join: see the directory.
[GrainDirectory(QueueDirectory.Name)]
[OnSiloOfGroupPlacement]
internal sealed partial class DeadLetterGrain : Grain, IDeadLetterGrain
{
    private readonly RocketMQConsumers _consumers;
    private readonly IPersistentState<DeadLetterState> _state;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _group;
    private CancellationTokenSource _stopping = new();
    private Task _sending = Task.CompletedTask;
    private DeadLetterResend _resend = new();

    public DeadLetterGrain(
        IGrainContext context,
        RocketMQConsumers consumers,
        [PersistentState("deadLetters", StateStorage.ProviderName)] IPersistentState<DeadLetterState> state,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        _group = context.GrainId.Key.ToString()!;
        _consumers = consumers;
        _state = state;
        _time = time;
        _logger = loggers.CreateLogger<DeadLetterGrain>();
    }

    // Not at the activation: what is thrown there reaches callers as an error of Orleans.
    private RocketMQClient Client => _consumers.ClientOf(_group, "handle its dead letters");

    private DeadLetterReader Reader => field ??= new DeadLetterReader(Client, _group);

    private StoredMessageSender Sender => field ??= new StoredMessageSender(Client);

    private DeadLetterMarks Marks => field ??= new DeadLetterMarks(Reader, _state);

    public async Task<DeadLetterPage> ListAsync(DeadLetterPosition? from = null, int limit = 32)
    {
        if (limit is < 1 or > 1000)
        {
            throw new RocketMQValidationException("Limit", limit, "1 to 1000");
        }

        var letters = new List<DeadLetter>();
        await foreach (var (letter, queue) in UnhandledAsync(CancellationToken.None, from))
        {
            if (letters.Count == limit)
            {
                return new DeadLetterPage(letters.ToArray(), new(queue, letter.QueueOffset));
            }

            letters.Add(DeadLetterReader.Describe(letter, queue));
        }

        return new DeadLetterPage(letters.ToArray(), null);
    }

    public async Task<MessageExt?> PeekAsync(string messageId)
    {
        await foreach (var (letter, _) in UnhandledAsync(CancellationToken.None))
        {
            if (HasId(letter, messageId))
            {
                return letter;
            }
        }

        return null;
    }

    public async Task<int> ResendAsync(string messageId, string requestedBy)
    {
        var sent = await ResendWhereAsync(letter => HasId(letter, messageId));
        Log.Resent(_logger, requestedBy, sent, _group, $"id {messageId}");
        return sent;
    }

    public async Task<int> ResendByKeyAsync(string key, string requestedBy)
    {
        var sent = await ResendWhereAsync(letter => letter.Keys?.Split(MessageProperties.KeySeparator).Contains(key, StringComparer.Ordinal) is true);
        Log.Resent(_logger, requestedBy, sent, _group, $"key {key}");
        return sent;
    }

    public Task<DeadLetterResend> ResendAllAsync(double messagesPerSecond, string requestedBy)
    {
        if (!(messagesPerSecond > 0 && double.IsFinite(messagesPerSecond)))
        {
            throw new RocketMQValidationException("MessagesPerSecond", messagesPerSecond, "a number above 0");
        }

        NotWhileSending("send all again");
        _ = Client;
        Log.ResendBegins(_logger, requestedBy, _group, messagesPerSecond);
        _stopping.Dispose();
        _stopping = new CancellationTokenSource();
        _resend = new DeadLetterResend { IsRunning = true };
        _sending = ResendAllAsync(TimeSpan.FromSeconds(1 / messagesPerSecond), requestedBy, _stopping.Token);
        return Task.FromResult(_resend);
    }

    public Task<DeadLetterResend> GetResendAsync() => Task.FromResult(_resend);

    public async Task<DeadLetterResend> StopResendAsync(string requestedBy)
    {
        if (_resend.IsRunning)
        {
            Log.ResendStopped(_logger, requestedBy, _group);
        }

        await _stopping.CancelAsync();
        await _sending;
        return _resend;
    }

    public async Task<long> DropAsync(DeadLetterPosition? below, string requestedBy)
    {
        NotWhileSending("drop any");
        var dropped = 0L;
        foreach (var queue in await Reader.GetQueuesAsync(CancellationToken.None))
        {
            if (below is null || below.Queue == queue)
            {
                dropped += await Marks.HandleBelowAsync(queue, below?.Offset ?? long.MaxValue, CancellationToken.None);
            }
        }

        Log.Dropped(_logger, requestedBy, dropped, _group, below?.ToString() ?? "all");
        return dropped;
    }

    public async Task<int> DropOneAsync(string messageId, string requestedBy)
    {
        NotWhileSending("drop one");
        var dropped = 0;
        await foreach (var (letter, queue) in UnhandledAsync(CancellationToken.None))
        {
            if (HasId(letter, messageId))
            {
                await Marks.HandleAsync(queue, letter.QueueOffset, CancellationToken.None);
                dropped++;
            }
        }

        Log.Dropped(_logger, requestedBy, dropped, _group, $"id {messageId}");
        return dropped;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _sending;
    }

    private static bool HasId(MessageExt letter, string id) => letter.MessageId == id || letter.OffsetMessageId == id;

    private async Task<int> ResendWhereAsync(Func<MessageExt, bool> wanted)
    {
        NotWhileSending("send one again");
        var sent = 0;
        await foreach (var (letter, queue) in UnhandledAsync(CancellationToken.None))
        {
            if (wanted(letter))
            {
                await Sender.SendAsync(Revival.Of(letter, Client.Names, _time), CancellationToken.None);
                await Marks.HandleAsync(queue, letter.QueueOffset, CancellationToken.None);
                sent++;
            }
        }

        return sent;
    }

    /// <summary>Runs beside the grain's turns and between them; never fails.</summary>
    private async Task ResendAllAsync(TimeSpan interval, string requestedBy, CancellationToken stopping)
    {
        try
        {
            var begun = _time.GetTimestamp();
            await foreach (var (letter, queue) in UnhandledAsync(stopping))
            {
                DelayDeactivation(TimeSpan.FromMinutes(5));
                if (letter.BodyError is not null)
                {
                    _resend = _resend with { Unreadable = _resend.Unreadable + 1 };
                    continue;
                }

                // By the time since the beginning, so that the rate holds however long the sends take.
                var due = (interval * _resend.Sent) - _time.GetElapsedTime(begun);
                if (due > TimeSpan.Zero)
                {
                    await Task.Delay(due, _time, stopping);
                }

                await Sender.SendAsync(Revival.Of(letter, Client.Names, _time), stopping);
                await Marks.HandleAsync(queue, letter.QueueOffset, CancellationToken.None);
                _resend = _resend with { Sent = _resend.Sent + 1 };
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            _resend = _resend with { Error = "It was stopped." };
        }
        catch (Exception exception)
        {
            Log.ResendFailed(_logger, _group, exception);
            _resend = _resend with { Error = exception.Message };
        }

        _resend = _resend with { IsRunning = false };
        Log.Resent(_logger, requestedBy, _resend.Sent, _group, "all");
    }

    private async IAsyncEnumerable<(MessageExt Letter, MessageQueue Queue)> UnhandledAsync(
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken, DeadLetterPosition? from = null)
    {
        foreach (var queue in await Reader.GetQueuesAsync(cancellationToken))
        {
            if (from is not null && queue.CompareTo(from.Queue) < 0)
            {
                continue;
            }

            var begin = await Marks.ReadPositionAsync(queue, cancellationToken);
            if (queue == from?.Queue)
            {
                begin = Math.Max(begin, from.Offset);
            }

            await foreach (var letter in Reader.ReadAsync(queue, begin, cancellationToken))
            {
                if (!Marks.IsHandled(queue, letter.QueueOffset))
                {
                    yield return (letter, queue);
                }
            }
        }
    }

    private void NotWhileSending(string operation)
    {
        if (_resend.IsRunning)
        {
            throw new RocketMQException(RocketMQErrorCode.State, $"All dead letters of group '{_group}' are being sent again; stop that first to {operation}.");
        }
    }

    private static partial class Log
    {
        [LoggerMessage(171, LogLevel.Information, "{RequestedBy} had {Count} dead letters of group {Group} sent again, by {By}")]
        public static partial void Resent(ILogger logger, string requestedBy, long count, string group, string by);

        [LoggerMessage(172, LogLevel.Information, "{RequestedBy} has all dead letters of group {Group} sent again, {Rate} a second")]
        public static partial void ResendBegins(ILogger logger, string requestedBy, string group, double rate);

        [LoggerMessage(173, LogLevel.Information, "{RequestedBy} stops sending dead letters of group {Group} again")]
        public static partial void ResendStopped(ILogger logger, string requestedBy, string group);

        [LoggerMessage(174, LogLevel.Warning, "{RequestedBy} dropped {Count} dead letters of group {Group}: {Which}")]
        public static partial void Dropped(ILogger logger, string requestedBy, long count, string group, string which);

        [LoggerMessage(175, LogLevel.Error, "Sending the dead letters of group {Group} again failed")]
        public static partial void ResendFailed(ILogger logger, string group, Exception exception);
    }
}
