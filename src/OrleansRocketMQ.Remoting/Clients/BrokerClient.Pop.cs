using System.Text.Json;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    // Java gives the answer this long beyond the time the broker may wait.
    private static readonly TimeSpan PollMargin = TimeSpan.FromSeconds(10);

    /// <summary>
    /// POP_MESSAGE: asks for messages that nobody else of the group has in work. They are not decoded yet, see
    /// <see cref="PopResult.Decode"/>. Brokers from 5.0 on.
    /// </summary>
    /// <param name="address">The broker.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="timeout">How long to wait; null means 10 s more than <see cref="PopRequest.PollTime"/>.</param>
    /// <param name="cancellationToken">Gives up early; messages that are on their way then come again after their invisible time.</param>
    /// <exception cref="BrokerResponseException">
    /// Among others with SUBSCRIPTION_PARSE_FAILED: the expression cannot be read; SYSTEM_ERROR: the broker has no timer wheel
    /// (<c>timerWheelEnable</c>), without which it cannot offer messages again; POLLING_TIMEOUT: by its clock the pop was sent more than
    /// half a second longer ago than it may wait, as where this machine's clock is behind.
    /// </exception>
    /// <exception cref="MessageFormatException">The answer is not of its form. What it brought comes again.</exception>
    public Task<PopResult> PopAsync(
        string address, PopRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        // The broker reckons by it how long it may wait still.
        var command = CommandOf(in request, Remoting.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds());
        return AskAsync(
            address,
            command,
            static answer => !PopAnswer.IsRefusal(answer),
            answer => PopAnswer.Read(answer, request),
            timeout ?? (request.PollTime + PollMargin),
            cancellationToken);
    }

    /// <summary>
    /// ACK_MESSAGE: a popped message is done. Brokers do not tell whether that came in time: from
    /// <see cref="ReceiptHandle.VisibleTime"/> on the message may be on its way to somebody else, or be there.
    /// </summary>
    /// <param name="address">The master of the broker set the message came from.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="topic">The topic that was popped, be the message from a retry topic or not.</param>
    /// <param name="handle">The message's handle, the one of the last change of its invisible time.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>False: the broker no longer has such a message (NO_MESSAGE).</returns>
    public Task<bool> AckAsync(
        string address, string consumerGroup, string topic, ReceiptHandle handle, CancellationToken cancellationToken = default)
        => AskAsync(
            address,
            HandleRequest(RequestCodes.AckMessage, consumerGroup, topic, handle),
            IsAnswerOfHandle,
            static answer => answer.Code == ResponseCodes.Success,
            PatientTimeout,
            cancellationToken);

    /// <summary>
    /// BATCH_ACK_MESSAGE: popped messages of one topic and broker are done. Those the broker no longer has are passed over. Brokers
    /// from 5.1 on.
    /// </summary>
    /// <param name="address">The master of the broker set the messages came from.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="topic">The topic that was popped, be the messages from a retry topic or not.</param>
    /// <param name="handles">Their handles, all of one broker set; when there is none, nobody is asked.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="RocketMQValidationException">Handles are of several broker sets, or one is none a broker gives.</exception>
    public Task BatchAckAsync(
        string address,
        string consumerGroup,
        string topic,
        IReadOnlyCollection<ReceiptHandle> handles,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(handles);
        if (handles.Count == 0)
        {
            return Task.CompletedTask;
        }

        var brokerName = handles.First().BrokerName;
        if (handles.FirstOrDefault(handle => handle.BrokerName != brokerName) is { BrokerName: not null } other)
        {
            throw new RocketMQValidationException(
                "Broker name of a receipt handle", other.BrokerName, $"'{brokerName}', that of the first");
        }

        var body = BatchAckRequest.Of(Remoting.Names.Wrap(topic), Remoting.Names.Wrap(consumerGroup), handles);
        return InvokeAsync(
            address,
            RemotingCommand.Request(
                RequestCodes.BatchAckMessage, JsonSerializer.SerializeToUtf8Bytes(body, ProtocolJson.Default.BatchAckRequest)),
            PatientTimeout,
            cancellationToken);
    }

    /// <summary>
    /// CHANGE_MESSAGE_INVISIBLETIME: nobody else is to get a popped message for so long from now on; zero or little makes it come
    /// again soon.
    /// </summary>
    /// <param name="address">The master of the broker set the message came from.</param>
    /// <param name="consumerGroup">The group.</param>
    /// <param name="topic">The topic that was popped, be the message from a retry topic or not.</param>
    /// <param name="handle">The message's handle, the one of the last change.</param>
    /// <param name="invisibleTime">How long.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>
    /// The handle that counts from now on. Null: the broker no longer has such a message, or, popped in order, it is acknowledged.
    /// </returns>
    public Task<ReceiptHandle?> ChangeInvisibleTimeAsync(
        string address,
        string consumerGroup,
        string topic,
        ReceiptHandle handle,
        TimeSpan invisibleTime,
        CancellationToken cancellationToken = default)
        => AskAsync(
            address,
            HandleRequest(RequestCodes.ChangeMessageInvisibleTime, consumerGroup, topic, handle)
                .Set("invisibleTime", (long)invisibleTime.TotalMilliseconds),
            IsAnswerOfHandle,
            answer => PopAnswer.ReadHandle(answer, handle),
            PatientTimeout,
            cancellationToken);

    /// <summary>
    /// NOTIFICATION: waits until there are messages for a group to pop, and takes none. Brokers from 5.0 on.
    /// </summary>
    /// <param name="address">The broker.</param>
    /// <param name="request">Of which only queue, <see cref="PopRequest.PollTime"/>, order and attempt count.</param>
    /// <param name="timeout">How long to wait; null means 10 s more than <see cref="PopRequest.PollTime"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns><see cref="PopStatus.Found"/> when there are messages.</returns>
    public Task<PopStatus> WaitForMessagesAsync(
        string address, PopRequest request, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        var command = QueueRequest(RequestCodes.Notification, request.Queue)
            .Set("consumerGroup", request.ConsumerGroup)
            .Set("pollTime", (long)request.PollTime.TotalMilliseconds)
            .Set("bornTime", Remoting.TimeProvider.GetUtcNow().ToUnixTimeMilliseconds())
            .Set("order", request.Ordered)
            .Set("attemptId", request.AttemptId);
        return AskAsync(
            address,
            command,
            static answer => answer.Code == ResponseCodes.Success,
            static answer => answer.GetBoolean("hasMsg") ? PopStatus.Found
                : answer.GetBoolean("pollingFull") ? PopStatus.PollingFull
                : PopStatus.NotFound,
            timeout ?? (request.PollTime + PollMargin),
            cancellationToken);
    }

    private static bool IsAnswerOfHandle(RemotingCommand answer) => answer.Code is ResponseCodes.Success or ResponseCodes.NoMessage;

    private static RemotingCommand CommandOf(in PopRequest request, long bornTime)
    {
        ArgumentNullException.ThrowIfNull(request.Queue, nameof(request));
        return RemotingCommand.Request(RequestCodes.PopMessage, fieldCount: 16)
            .Set("consumerGroup", request.ConsumerGroup)
            .Set("topic", request.Queue.Topic)
            .Set("queueId", request.Queue.QueueId)
            .Set("maxMsgNums", request.MaxMessages)
            .Set("invisibleTime", (long)request.InvisibleTime.TotalMilliseconds)
            .Set("pollTime", (long)request.PollTime.TotalMilliseconds)
            .Set("bornTime", bornTime)
            .Set("initMode", (int)request.InitMode)
            .Set("expType", request.ExpressionType)
            .Set("exp", request.Expression)
            .Set("order", request.Ordered)
            .Set("attemptId", request.AttemptId)
            .Set("bname", request.Queue.BrokerName);
    }

    private RemotingCommand HandleRequest(int code, string consumerGroup, string topic, ReceiptHandle handle)
        // The namespace stands before topic and group each, also where both make one name.
        => RemotingCommand.Request(code)
            .Set("consumerGroup", consumerGroup)
            .Set("topic", handle.TopicOf(Remoting.Names.Wrap(topic), Remoting.Names.Wrap(consumerGroup)))
            .Set("queueId", handle.QueueId)
            .Set("extraInfo", handle.ToString())
            .Set("offset", handle.QueueOffset)
            .Set("bname", handle.BrokerName);
}
