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
    // One in a quarter of an hour. Slower means a mistake, and far below, times that no clock can hold.
    private const double SlowestRate = 0.001;

    // Deactivated in the middle it would have to be asked for again.
    private static readonly TimeSpan Stay = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);

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

    private DeadLetterAckStore Acks => field ??= new DeadLetterAckStore(Reader, _state);

    public Task<DeadLetterPage> ListAsync(DeadLetterPosition? from = null, int limit = 32) => SearchAsync(new(), from, limit);

    public async Task<DeadLetterPage> SearchAsync(DeadLetterSearch search, DeadLetterPosition? from = null, int limit = 32)
    {
        if (limit is < 1 or > 1000)
        {
            throw new RocketMQValidationException("Limit", limit, "1 to 1000");
        }

        var walk = new DeadLetterWalk(Reader, Acks, from);
        var letters = new List<DeadLetter>();
        DeadLetterPosition? next = null;
        await foreach (var (letter, queue) in walk.ReadAsync(CancellationToken.None))
        {
            if (letters.Count == limit)
            {
                next = new(queue, letter.QueueOffset);
                break;
            }

            if (DeadLetterReader.Describe(letter, queue) is var described && search.Fits(described))
            {
                letters.Add(described);
            }
        }

        // Whoever only counts must not take letters that cannot be read for none.
        return letters.Count == 0 && walk.Unread.Count > 0
            ? throw UnreadLetters.ErrorOf(walk.Unread, _group)
            : new DeadLetterPage(letters.ToArray(), next) { Unread = [.. walk.Unread.Select(unread => unread.ToString())] };
    }

    public async Task<MessageExt?> PeekAsync(string messageId)
    {
        var walk = new DeadLetterWalk(Reader, Acks);
        await foreach (var (letter, _) in walk.ReadAsync(CancellationToken.None))
        {
            if (HasId(letter, messageId))
            {
                return letter;
            }
        }

        return walk.Unread.Count > 0 ? throw UnreadLetters.ErrorOf(walk.Unread, _group) : null;
    }

    public async Task<int> ResendAsync(string messageId, string requestedBy)
    {
        var sent = await ResendWhereAsync($"id {messageId}", letter => HasId(letter, messageId), isOne: true);
        Log.Resent(_logger, requestedBy, sent, _group, $"id {messageId}");
        return sent;
    }

    public async Task<int> ResendByKeyAsync(string key, string requestedBy)
    {
        var sent = await ResendWhereAsync(
            $"key {key}",
            letter => letter.Keys?.Split(MessageProperties.KeySeparator).Contains(key, StringComparer.Ordinal) is true);
        Log.Resent(_logger, requestedBy, sent, _group, $"key {key}");
        return sent;
    }

    public Task<DeadLetterResend> ResendAllAsync(double messagesPerSecond, string requestedBy)
    {
        if (!(messagesPerSecond >= SlowestRate && double.IsFinite(messagesPerSecond)))
        {
            throw new RocketMQValidationException("MessagesPerSecond", messagesPerSecond, $"a number of at least {SlowestRate}");
        }

        NotWhileSending("send all again");
        _ = Client;
        Log.ResendBegins(_logger, requestedBy, _group, messagesPerSecond);
        _stopping.Dispose();
        _stopping = new CancellationTokenSource();
        _resend = new DeadLetterResend { IsRunning = true };
        _sending = ResendAllAsync(messagesPerSecond, requestedBy, _stopping.Token);
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
        var unread = new List<UnreadLetters>();
        foreach (var queue in await Reader.GetQueuesAsync(unread, CancellationToken.None))
        {
            if (below is null || below.Queue == queue)
            {
                try
                {
                    dropped += await Acks.AckBelowAsync(queue, below?.Offset ?? long.MaxValue, CancellationToken.None);
                }
                catch (RocketMQException exception)
                {
                    unread.Add(new($"{queue}", exception));
                }
            }
        }

        Log.Dropped(_logger, requestedBy, dropped, _group, below?.ToString() ?? "all");
        return (below is null && unread.Count > 0) || unread.Any(failed => failed.Where == $"{below?.Queue}")
            ? throw UnreadLetters.ErrorOf(unread, _group)
            : dropped;
    }

    public async Task<int> DropOneAsync(string messageId, string requestedBy)
    {
        NotWhileSending("drop one");
        var dropped = 0;
        var walk = new DeadLetterWalk(Reader, Acks);
        await foreach (var (letter, queue) in walk.ReadAsync(CancellationToken.None))
        {
            if (HasId(letter, messageId))
            {
                await Acks.AckAsync(queue, letter.QueueOffset, CancellationToken.None);
                dropped++;
            }
        }

        Log.Dropped(_logger, requestedBy, dropped, _group, $"id {messageId}");
        return dropped == 0 && walk.Unread.Count > 0 ? throw UnreadLetters.ErrorOf(walk.Unread, _group) : dropped;
    }

    public override async Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _sending;
    }

    private static bool HasId(MessageExt letter, string id) => letter.MessageId == id || letter.OffsetMessageId == id;

    /// <summary>Sends all that are wanted, past those that fail; then tells of these.</summary>
    private async Task<int> ResendWhereAsync(string which, Func<MessageExt, bool> wanted, bool isOne = false)
    {
        NotWhileSending("send one again");
        var sent = 0;
        var walk = new DeadLetterWalk(Reader, Acks);
        var failures = new List<(DeadLetterFailure Failure, Exception Exception)>();
        await foreach (var (letter, queue) in walk.ReadAsync(CancellationToken.None))
        {
            if (wanted(letter))
            {
                try
                {
                    await ResendAsync(letter, queue, CancellationToken.None);
                    sent++;
                }
                catch (Exception exception) when (exception is not OutOfMemoryException)
                {
                    failures.Add((FailureOf(letter, queue, exception), exception));
                }
            }
        }

        if (walk.Unread.Count > 0 && !(isOne && sent + failures.Count > 0))
        {
            failures.AddRange(walk.Unread.Select(unread => (new DeadLetterFailure { Reason = $"{unread}" }, (Exception)unread.Reason)));
        }

        if (failures.Count == 0)
        {
            return sent;
        }

        throw sent == 0 && failures is [{ Exception: RocketMQException only }] ? only : NotSent();

        RocketMQException NotSent() => new(
            RocketMQErrorCode.Send,
            $"Of the dead letters of group '{_group}' with {which}, {sent} were sent again and {failures.Count} were not: "
                + string.Join("; ", failures.Take(10).Select(failed => failed.Failure)) + (failures.Count > 10 ? "; and others." : "."),
            failures[0].Exception);
    }

    private async Task ResendAsync(MessageExt letter, MessageQueue queue, CancellationToken cancellationToken)
    {
        await Sender.SendAsync(DeadLetterRepublisher.Of(letter, Client.Names, _time), cancellationToken);
        await Acks.AckAsync(queue, letter.QueueOffset, CancellationToken.None);
    }

    private static DeadLetterFailure FailureOf(MessageExt letter, MessageQueue queue, Exception exception) => new()
    {
        Position = new(queue, letter.QueueOffset),
        MessageId = letter.MessageId,
        Topic = DeadLetterReader.OriginalTopic(letter),
        Reason = exception.Message,
    };

    /// <summary>Runs beside the grain's turns and between them; never fails.</summary>
    private async Task ResendAllAsync(double messagesPerSecond, string requestedBy, CancellationToken stopping)
    {
        var walk = new DeadLetterWalk(Reader, Acks);
        try
        {
            var begun = _time.GetTimestamp();
            await foreach (var (letter, queue) in walk.ReadAsync(stopping))
            {
                // By the time since the beginning, so that the rate holds however long the sends take.
                await WaitAsync(begun, TimeSpan.FromSeconds((_resend.Sent + _resend.Failed) / messagesPerSecond), stopping);
                await TryResendAsync(letter, queue, stopping);
            }

            if (walk.Unread.Count > 0)
            {
                _resend = _resend with { Error = UnreadLetters.ErrorOf(walk.Unread, _group).Message };
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

    /// <summary>Waits until so long after the beginning; the grain stays meanwhile.</summary>
    private async Task WaitAsync(long begun, TimeSpan due, CancellationToken stopping)
    {
        DelayDeactivation(Stay);
        while (due - _time.GetElapsedTime(begun) is var left && left > TimeSpan.Zero)
        {
            await Task.Delay(left < LongestWait ? left : LongestWait, _time, stopping);
            DelayDeactivation(Stay);
        }
    }

    /// <summary>Sends one of all; when that fails it is listed, and the others are sent all the same.</summary>
    private async Task TryResendAsync(MessageExt letter, MessageQueue queue, CancellationToken stopping)
    {
        try
        {
            await ResendAsync(letter, queue, stopping);
            _resend = _resend with { Sent = _resend.Sent + 1 };
        }
        catch (Exception exception) when (!stopping.IsCancellationRequested)
        {
            var failure = FailureOf(letter, queue, exception);
            _resend = _resend with
            {
                Unreadable = _resend.Unreadable + (letter.BodyError is null ? 0 : 1),
                Failed = _resend.Failed + 1,
                Failures = _resend.Failures.Count < DeadLetterResend.MostFailures ? [.. _resend.Failures, failure] : _resend.Failures,
            };
            if (_resend.Failed <= DeadLetterResend.MostFailures)
            {
                Log.NotResent(_logger, letter.MessageId, _group, failure.Topic!, exception.Message);
            }
        }
    }

    private void NotWhileSending(string operation)
    {
        if (_resend.IsRunning)
        {
            throw new RocketMQException(
                RocketMQErrorCode.State,
                $"All dead letters of group '{_group}' are being sent again; stop that first to {operation}.");
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

        [LoggerMessage(
            176,
            LogLevel.Warning,
            "Dead letter {MessageId} of group {Group} could not be sent again to {Topic}; the others are: {Reason}")]
        public static partial void NotResent(ILogger logger, string messageId, string group, string topic, string reason);

        [LoggerMessage(175, LogLevel.Error, "Sending the dead letters of group {Group} again failed")]
        public static partial void ResendFailed(ILogger logger, string group, Exception exception);
    }
}
