using System.Runtime.CompilerServices;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Every request a consumer or producer sends to brokers, with its fields and answers typed. All take the broker's
/// address first and may throw <see cref="RocketMQNetworkException"/>, <see cref="RocketMQTimeoutException"/> and, for
/// codes without a meaning of their own, <see cref="BrokerResponseException"/>. Thread-safe. Mirrors the broker half of
/// <c>MQClientAPIImpl</c>.
/// </summary>
public sealed partial class BrokerClient
{
    // Java waits this long for offsets and for messages sent back, whatever mqClientApiTimeout says.
    private static readonly TimeSpan PatientTimeout = TimeSpan.FromSeconds(5);

    private readonly ConditionalWeakTable<MessageQueue, PulledQueue> _pulled = [];
    private readonly TimeSpan _pullTimeout;
    private readonly bool _vipChannel;

    /// <summary>Creates a client on the given connections.</summary>
    /// <param name="remoting">The connections.</param>
    /// <param name="pullTimeout">How long a pull waits for its answer. Default 30 s.</param>
    /// <param name="vipChannel">See <see cref="RocketMQClientOptions.VipChannel"/>.</param>
    public BrokerClient(RemotingClient remoting, TimeSpan? pullTimeout = null, bool vipChannel = false)
    {
        ArgumentNullException.ThrowIfNull(remoting);
        Remoting = remoting;
        _pullTimeout = pullTimeout ?? TimeSpan.FromSeconds(30);
        _vipChannel = vipChannel;
    }

    /// <summary>The connections.</summary>
    public RemotingClient Remoting { get; }

    /// <summary>Sends a request there is no method for.</summary>
    /// <param name="address">The broker.</param>
    /// <param name="request">The request.</param>
    /// <param name="timeout">How long to wait; null means <see cref="RemotingOptions.RequestTimeout"/>.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    /// <exception cref="BrokerResponseException">The answer's code is not SUCCESS.</exception>
    public async Task<RemotingCommand> InvokeAsync(
        string address,
        RemotingCommand request,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var response = await AskAsync(address, request, timeout, cancellationToken).ConfigureAwait(false);
        return response.Code == ResponseCodes.Success ? response : throw Refused(address, request, response);
    }

    private Task<RemotingCommand> AskAsync(
        string address,
        RemotingCommand request,
        TimeSpan? timeout = null,
        CancellationToken cancellationToken = default)
        => Remoting.InvokeAsync(AddressFor(address, request), request, timeout, cancellationToken);

    /// <summary>Asks, and reads what a broker answers with one of certain codes.</summary>
    private async Task<T> AskAsync<T>(
        string address,
        RemotingCommand request,
        Func<RemotingCommand, bool> isAnswer,
        Func<RemotingCommand, T> read,
        TimeSpan? timeout,
        CancellationToken cancellationToken)
    {
        var response = await AskAsync(address, request, timeout, cancellationToken).ConfigureAwait(false);
        return isAnswer(response) ? read(response) : throw Refused(address, request, response);
    }

    private Task<T> AskAsync<T>(
        string address, RemotingCommand request, Func<RemotingCommand, T> read, CancellationToken cancellationToken)
        => AskAsync(address, request, static answer => answer.Code == ResponseCodes.Success, read, timeout: null, cancellationToken);

    private ValueTask TellAsync(string address, RemotingCommand request, CancellationToken cancellationToken)
        => Remoting.SendOneWayAsync(AddressFor(address, request), request, cancellationToken);

    private string AddressFor(string address, RemotingCommand request)
        => _vipChannel ? Clients.VipChannel.AddressFor(address, request) : address;

    private static BrokerResponseException Refused(string address, RemotingCommand request, RemotingCommand response)
        => new(request.Code, response.Code, response.Remark, address);

    private static RemotingCommand QueueRequest(int code, MessageQueue queue, bool oneWay = false)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return RemotingCommand.Request(code, oneWay: oneWay)
            .Set("topic", queue.Topic)
            .Set("queueId", queue.QueueId)
            .Set("bname", queue.BrokerName);
    }
}
