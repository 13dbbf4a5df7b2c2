using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Producing;

/// <summary>
/// Sends messages. Messages get an id (<c>UNIQ_KEY</c>) and <c>WAIT=true</c> when they have none. Thread-safe; a message
/// must not be changed while it is being sent. Mirrors <c>DefaultMQProducer</c>.
/// </summary>
public sealed partial class Producer : IAsyncDisposable
{
    private readonly RoundRobinSelector _roundRobin = new();
    private readonly RocketMQClient _client;
    private readonly bool _ownsClient;
    private readonly ILogger _logger;
    private readonly PublishQueues _queues;
    private readonly BrokerTimers _timers;
    private readonly SendMetrics _metrics;
    private int _disposed;

    /// <summary>Creates a producer on a client that others may use, too.</summary>
    /// <param name="client">The client; belongs to the caller, who starts and stops it.</param>
    /// <param name="options">The settings.</param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <exception cref="RocketMQValidationException">A setting is missing or out of range.</exception>
    public Producer(RocketMQClient client, ProducerOptions options, ILoggerFactory loggerFactory)
        : this(client, options, loggerFactory, ownsClient: false)
    {
    }

    /// <summary>Creates a producer with a client of its own, and starts it.</summary>
    /// <param name="clientOptions">The settings of the client.</param>
    /// <param name="options">The settings of the producer.</param>
    /// <param name="loggerFactory">Where to log.</param>
    /// <param name="timeProvider">The clock; null means the system's.</param>
    /// <exception cref="RocketMQValidationException">A setting is missing or out of range.</exception>
    public Producer(
        RocketMQClientOptions clientOptions,
        ProducerOptions options,
        ILoggerFactory loggerFactory,
        TimeProvider? timeProvider = null)
        : this(new RocketMQClient(clientOptions, loggerFactory, timeProvider), options, loggerFactory, ownsClient: true)
    {
        _client.Start();
    }

    private Producer(RocketMQClient client, ProducerOptions options, ILoggerFactory loggerFactory, bool ownsClient)
    {
        ArgumentNullException.ThrowIfNull(client);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(loggerFactory);
        options.Validate();
        Options = options;
        _client = client;
        _ownsClient = ownsClient;
        _logger = loggerFactory.CreateLogger<Producer>();
        _metrics = new SendMetrics((instrument, exception) => Log.MeterListenerFailed(_logger, instrument.Name, exception));
        _queues = new PublishQueues(client, options.DefaultTopic, options.DefaultTopicQueueNums);
        _timers = new BrokerTimers(client, _logger);
        client.RegisterProducer(options.Group);
        AnswerTransactionChecks();
    }

    /// <summary>The settings.</summary>
    public ProducerOptions Options { get; }

    /// <summary>The queues of a topic that can be written, in order; for a topic yet to be made, those it will have.</summary>
    /// <exception cref="TopicNotFoundException">The topic does not exist, and no broker would make it.</exception>
    public ValueTask<IReadOnlyList<MessageQueue>> GetQueuesAsync(string topic, CancellationToken cancellationToken = default)
        => _queues.GetAsync(topic, cancellationToken);

    /// <summary>Sends a message to the next queue; when that fails, to one of another broker if there is one.</summary>
    /// <exception cref="RocketMQValidationException">The message cannot be sent: its topic, size or a property is not allowed.</exception>
    /// <exception cref="TopicNotFoundException">The topic does not exist, and no broker would make it.</exception>
    /// <exception cref="BrokerResponseException">A broker refused it in a way that others would, too.</exception>
    /// <exception cref="SendFailedException">
    /// All attempts failed, the last one for the inner reason. After a time-out the message may have been stored.
    /// </exception>
    public Task<SendResult> SendAsync(Message message, CancellationToken cancellationToken = default)
        => StartAsync(new(message, Batch: null), cancellationToken);

    /// <summary>Sends a message to the queue a selector chooses. Not tried again elsewhere, as that would break the order.</summary>
    /// <param name="message">The message.</param>
    /// <param name="selector">Chooses the queue.</param>
    /// <param name="argument">Given to the selector.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="SendFailedException">The broker could not be reached or did not answer.</exception>
    /// <inheritdoc cref="SendAsync(Message,CancellationToken)"/>
    public async Task<SendResult> SendAsync(
        Message message,
        IQueueSelector selector,
        object? argument = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return await StartAsync(new(message, Batch: null, Selector: selector, Argument: argument), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends a message to a certain queue.</summary>
    /// <exception cref="RocketMQValidationException">The message cannot be sent, or the queue is of another topic.</exception>
    /// <exception cref="SendFailedException">The broker could not be reached or did not answer.</exception>
    /// <inheritdoc cref="SendAsync(Message,CancellationToken)"/>
    public Task<SendResult> SendAsync(Message message, MessageQueue queue, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return StartAsync(new(message, Batch: null, Queue: queue), cancellationToken);
    }

    /// <summary>Sends several messages of one topic as one request; they come to lie side by side in one queue.</summary>
    /// <exception cref="RocketMQValidationException">
    /// The list is empty, its messages do not go together, or they are too large together.
    /// </exception>
    /// <inheritdoc cref="SendAsync(Message,CancellationToken)"/>
    public Task<SendResult> SendAsync(IReadOnlyList<Message> messages, CancellationToken cancellationToken = default)
        => StartAsync(new(Single: null, messages), cancellationToken);

    /// <summary>Sends several messages of one topic as one request to the queue a selector chooses for the first of them.</summary>
    /// <inheritdoc cref="SendAsync(IReadOnlyList{Message},CancellationToken)"/>
    public async Task<SendResult> SendAsync(
        IReadOnlyList<Message> messages,
        IQueueSelector selector,
        object? argument = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return await StartAsync(
            new(Single: null, messages, Selector: selector, Argument: argument), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Sends a message without asking whether it was stored. One that is to come at a time is asked for, and fails as any
    /// other send: a broker that knows no times, or not this one, would lose it.
    /// </summary>
    /// <exception cref="RocketMQValidationException">The message cannot be sent.</exception>
    /// <exception cref="TopicNotFoundException">The topic does not exist, and no broker would make it.</exception>
    /// <exception cref="RocketMQNetworkException">No connection to the broker.</exception>
    public Task SendOneWayAsync(
        Message message,
        IQueueSelector? selector = null,
        object? argument = null,
        CancellationToken cancellationToken = default)
        => StartAsync(new(message, Batch: null, Selector: selector ?? _roundRobin, Argument: argument, IsOneWay: true), cancellationToken);

    /// <summary>Leaves the group and, if the producer made its client, stops that.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0)
        {
            return;
        }

        StopAnsweringTransactionChecks();
        await _client.UnregisterProducerAsync(Options.Group).ConfigureAwait(false);
        if (_ownsClient)
        {
            await _client.DisposeAsync().ConfigureAwait(false);
        }
    }

    private Task<SendResult> RouteAsync(in Outgoing call, OutgoingMessage outgoing, CancellationToken cancellationToken) => call switch
    {
        { Queue: { } queue } => queue.Topic == outgoing.Message.Topic
            ? SendOnceAsync(outgoing, queue, cancellationToken)
            : throw new RocketMQValidationException("Topic of the queue", queue.Topic, $"'{outgoing.Message.Topic}', that of the message"),
        { Selector: not null } => SendSelectedAsync(call, outgoing, cancellationToken),
        _ => SendWithRetriesAsync(outgoing, cancellationToken),
    };

    private async Task<SendResult> SendSelectedAsync(Outgoing call, OutgoingMessage outgoing, CancellationToken cancellationToken)
    {
        var queues = await _queues.GetAsync(outgoing.Message.Topic, cancellationToken).ConfigureAwait(false);
        var queue = call.Selector!.Select(queues, call.First, call.Argument);
        if (!call.IsOneWay || outgoing.IsTimed)
        {
            return await SendOnceAsync(outgoing, queue, cancellationToken).ConfigureAwait(false);
        }

        var master = await MasterOfAsync(queue, cancellationToken);
        await _client.Brokers.SendOneWayAsync(
            master.Address, outgoing.To(queue.QueueId, master.BrokerName), cancellationToken);
        return new SendResult
        {
            Status = SendStatus.Ok,
            MessageId = outgoing.MessageId,
            OffsetMessageId = string.Empty,
            Queue = queue,
            QueueOffset = -1,
        };
    }

    private async Task<SendResult> SendOnceAsync(OutgoingMessage outgoing, MessageQueue queue, CancellationToken cancellationToken)
    {
        try
        {
            return await AttemptAsync(outgoing, queue, Options.SendTimeout, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is RocketMQNetworkException or RocketMQTimeoutException)
        {
            throw new SendFailedException($"Message {outgoing.MessageId} could not be sent to {queue}: {exception.Message}", exception);
        }
    }

    private async Task<SendResult> SendWithRetriesAsync(OutgoingMessage outgoing, CancellationToken cancellationToken)
    {
        var time = _client.Remoting.TimeProvider;
        var start = time.GetTimestamp();
        var topic = outgoing.Message.Topic;
        var queues = await _queues.GetAsync(topic, cancellationToken).ConfigureAwait(false);
        var tried = new List<string>();
        Exception? failure = null;
        SendResult? notSafe = null;
        for (var left = Options.SendTimeout;
            tried.Count <= Options.RetryTimes && left > TimeSpan.Zero;
            left = Options.SendTimeout - time.GetElapsedTime(start))
        {
            var queue = _roundRobin.SelectAvoiding(
                queues, outgoing.Message, tried.LastOrDefault(), _client.Routes.BrokerOf, IsFailing);
            tried.Add(_client.Routes.BrokerOf(queue) ?? queue.BrokerName);
            try
            {
                var result = await AttemptAsync(outgoing, queue, left, cancellationToken).ConfigureAwait(false);
                if (result.Status == SendStatus.Ok || !Options.RetryWhenNotStoredOk)
                {
                    return result;
                }

                notSafe = result;
            }
            catch (Exception exception) when (MayWorkElsewhere(exception))
            {
                Log.AttemptFailed(_logger, outgoing.MessageId, queue, exception.Message);
                failure = exception;
            }
        }

        _queues.Forget(topic);
        return notSafe ?? throw new SendFailedException(
            $"Message {outgoing.MessageId} of topic '{topic}' could not be sent. Tried brokers {string.Join(", ", tried)} "
                + $"within {Options.SendTimeout.TotalMilliseconds:0} ms, at last: {failure?.Message}",
            failure);
    }

    private async Task<SendResult> AttemptAsync(
        OutgoingMessage outgoing,
        MessageQueue queue,
        TimeSpan timeout,
        CancellationToken cancellationToken)
    {
        SendMessageResponse response;
        int? delayLevel;
        try
        {
            (response, delayLevel) = await _client.Routes.AtLeaderAsync(
                queue,
                cancelled => MasterOfAsync(queue, cancelled),
                master => SendToAsync(outgoing, queue.QueueId, master, timeout, cancellationToken),
                cancellationToken);
        }
        catch (RocketMQException exception)
        {
            _client.Routes.Doubt(queue.Topic, exception);
            throw;
        }

        var result = new SendResult
        {
            Status = response.Code switch
            {
                ResponseCodes.FlushDiskTimeout => SendStatus.FlushDiskTimeout,
                ResponseCodes.FlushSlaveTimeout => SendStatus.FlushSlaveTimeout,
                ResponseCodes.SlaveNotAvailable => SendStatus.SlaveNotAvailable,
                _ => SendStatus.Ok,
            },
            MessageId = outgoing.MessageId,
            OffsetMessageId = response.OffsetMessageId,
            Queue = queue with { QueueId = response.QueueId },
            QueueOffset = response.QueueOffset,
            TransactionId = response.TransactionId,
            DelayLevel = delayLevel,
            RecallHandle = response.RecallHandle,
        };
        return string.IsNullOrEmpty(response.RegionId) ? result : result with { RegionId = response.RegionId };
    }

    private async Task<(SendMessageResponse Response, int? DelayLevel)> SendToAsync(
        OutgoingMessage outgoing, int queueId, BrokerAddress master, TimeSpan timeout, CancellationToken cancellationToken)
    {
        if (outgoing.IsTimed)
        {
            return await SendTimedAsync(outgoing, queueId, master, timeout, cancellationToken);
        }

        var request = outgoing.To(queueId, master.BrokerName);
        return (await _client.Brokers.SendAsync(master.Address, request, timeout, cancellationToken), null);
    }

    private async ValueTask<BrokerAddress> MasterOfAsync(MessageQueue queue, CancellationToken cancellationToken)
    {
        if (_client.Routes.FindAddressOf(queue, BrokerData.MasterId, onlyThisBroker: true) is { } known)
        {
            return known;
        }

        try
        {
            await _client.Routes.RefreshAsync(queue.Topic, cancellationToken).ConfigureAwait(false);
        }
        catch (TopicNotFoundException)
        {
            // Yet to be made; then its broker must be known by the default topic.
        }

        return _client.Routes.FindAddressOf(queue, BrokerData.MasterId, onlyThisBroker: true)
            ?? throw new BrokerNotAvailableException($"Broker '{queue.BrokerName}' of {queue} has no master.");
    }

    private bool IsFailing(string brokerName)
        => _client.Routes.FindAddress(brokerName, BrokerData.MasterId, onlyThisBroker: true) is { } master
            && _client.Remoting.IsFailing(master.Address);

    private static bool MayWorkElsewhere(Exception exception) => exception switch
    {
        RocketMQNetworkException or RocketMQTimeoutException or BrokerNotAvailableException => true,
        BrokerResponseException refused => refused.ResponseCode is ResponseCodes.SystemError or ResponseCodes.SystemBusy
            or ResponseCodes.TopicNotExist or ResponseCodes.ServiceNotAvailable or ResponseCodes.NoPermission
            or ResponseCodes.NotLeaderForQueue or ResponseCodes.NotInCurrentUnit or ResponseCodes.GoAway,
        _ => false,
    };

    private static partial class Log
    {
        [LoggerMessage(31, LogLevel.Warning, "Sending message {MessageId} to {Queue} failed: {Reason}")]
        public static partial void AttemptFailed(ILogger logger, string messageId, MessageQueue queue, string reason);

        [LoggerMessage(
            32,
            LogLevel.Error,
            "A listener of the meter failed at {Instrument}. Sends go on; more failures of the kind are not told")]
        public static partial void MeterListenerFailed(ILogger logger, string instrument, Exception exception);
    }
}
