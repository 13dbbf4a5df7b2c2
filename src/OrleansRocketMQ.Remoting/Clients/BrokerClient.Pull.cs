using System.Runtime.CompilerServices;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    /// <summary>
    /// PULL_MESSAGE or LITE_PULL_MESSAGE: asks for messages of a queue. They are not decoded yet, see
    /// <see cref="PullResult.Decode"/>.
    /// </summary>
    /// <param name="address">The broker.</param>
    /// <param name="request">What is wanted.</param>
    /// <param name="timeout">How long to wait; null means the pull time-out of this client.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <returns>A task to await once, as it is reused.</returns>
    /// <exception cref="BrokerResponseException">
    /// Among others with FLOW_CONTROL: the broker is busy, ask again soon; SUBSCRIPTION_NOT_EXIST or
    /// SUBSCRIPTION_NOT_LATEST: it waits for a heartbeat.
    /// </exception>
    public ValueTask<PullResult> PullAsync(
        string address,
        PullRequest request,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
        => TryPull(address, in request, timeout ?? _pullTimeout, cancellationToken, out var answer)
            ? answer
            : PullAsync(address, request, timeout ?? _pullTimeout, mayResend: true, cancellationToken);

    /// <summary>A pull like any other request: where there is no connection yet, or no room in its buffer.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    internal async ValueTask<PullResult> PullAsync(
        string address,
        PullRequest request,
        TimeSpan timeout,
        bool mayResend,
        CancellationToken cancellationToken)
    {
        var command = CommandOf(in request);
        var answer = await Remoting.InvokeAsync(address, command, timeout, mayResend, cancellationToken).ConfigureAwait(false);
        return PullAnswer.StatusOf(answer.Code) is null
            ? throw Refused(address, command, answer)
            : Of(request.Queue, PullAnswer.Read(answer));
    }

    private bool TryPull(
        string address,
        in PullRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken,
        out ValueTask<PullResult> answer)
    {
        answer = default;
        if (request.Queue is null || cancellationToken.IsCancellationRequested || Remoting.OpenConnection(address) is not { } connection)
        {
            return false;
        }

        // By the object, not by its value: it lives as long as somebody may pull the queue.
        var call = _pulled.GetValue(request.Queue, static _ => new PulledQueue()).Rent();
        return call.TryStart(this, address, connection, in request, timeout, cancellationToken, out answer);
    }

    /// <summary>
    /// Whether the broker lets a group pull a topic. Asked for a queue the topic does not have, at which brokers look when
    /// everything else is well: a pull of a real queue, whoever sends it, takes the reset that the broker keeps for the
    /// group's next pull there, and the queue would never hear of it.
    /// </summary>
    /// <exception cref="BrokerResponseException">It does not.</exception>
    internal async Task CheckPullAsync(
        string address, string consumerGroup, MessageQueue anyQueue, CancellationToken cancellationToken = default)
    {
        var request = new PullRequest(consumerGroup, anyQueue with { QueueId = int.MaxValue }, Offset: 0)
        {
            MaxMessages = 1,
            Expression = MessageSelector.AllTags,
            SuspendTimeout = TimeSpan.Zero,
        };
        try
        {
            await PullAsync(address, request, _pullTimeout, mayResend: true, cancellationToken).ConfigureAwait(false);
        }
        catch (BrokerResponseException refused) when (refused.Remark?.StartsWith("queueId[", StringComparison.Ordinal) == true)
        {
            // INVALID_PARAMETER, or SYSTEM_ERROR of brokers before 5: "queueId[..] is illegal".
        }
        catch (BrokerResponseException refused) when (refused.ResponseCode == ResponseCodes.NotLeaderForQueue)
        {
            // Of a static topic: also asked last.
        }
    }

    /// <summary>What a pull of a queue brought, with the messages as they are in that queue.</summary>
    internal static PullResult Of(MessageQueue queue, in PullResult answer)
    {
        if (queue.IsLogical)
        {
            LogicalRecords.PutRight(answer.Records, queue.QueueId, answer.OffsetDelta);
        }
        else if (SystemTopics.IsLight(queue.Topic))
        {
            LightQueues.PutRight(answer.Records, queue.Topic);
        }

        return answer;
    }

    internal static RemotingCommand CommandOf(in PullRequest request)
    {
        ArgumentNullException.ThrowIfNull(request.Queue, nameof(request));
        return RemotingCommand.Request(request.LitePull ? RequestCodes.LitePullMessage : RequestCodes.PullMessage, fieldCount: 14)
            .Set("consumerGroup", request.ConsumerGroup)
            .Set("topic", request.Queue.Topic)
            .Set("queueId", request.Queue.QueueId)
            .Set("queueOffset", request.Offset)
            .Set("maxMsgNums", request.MaxMessages)
            .Set("sysFlag", (int)request.SysFlag)
            .Set("commitOffset", request.CommitOffset)
            .Set("suspendTimeoutMillis", (long)request.SuspendTimeout.TotalMilliseconds)
            .Set("subscription", request.Expression)
            .Set("subVersion", request.SubVersion)
            .Set("expressionType", request.ExpressionType)
            .Set("maxMsgBytes", request.MaxBytes)
            .Set("bname", request.Queue.BrokerName);
    }
}
