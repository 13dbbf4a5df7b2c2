using System.Threading.Tasks.Sources;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// The completion of one queue's pulls, one after the other. Who awaits it goes on where he awaited, or in the pool, but never on
/// the connection's receiving loop, on which everything else that shares the connection depends.
/// </summary>
internal sealed class PullCall(PulledQueue queue) : PendingPull, IValueTaskSource<PullResult>
{
    private ManualResetValueTaskSourceCore<PullResult> _core = new() { RunContinuationsAsynchronously = true };
    private BrokerClient? _brokers;
    private string _address = string.Empty;
    private PullRequest _request;
    private CancellationToken _cancellationToken;
    private bool _mayBeReused;

    /// <summary>Sends a pull over a connection that is open.</summary>
    /// <returns>False when there is no room in its buffer: nothing was sent, and nothing will come of it.</returns>
    public bool TryStart(
        BrokerClient brokers,
        string address,
        RemotingConnection connection,
        in PullRequest request,
        TimeSpan timeout,
        CancellationToken cancellationToken,
        out ValueTask<PullResult> answer)
    {
        (_brokers, _address, _request, _cancellationToken) = (brokers, address, request, cancellationToken);
        answer = new(this, _core.Version);
        if (queue.TemplateOf(in request, brokers.Remoting) is { } template)
        {
            return connection.TryPull(this, new PullFrame(template, in request), timeout, cancellationToken);
        }

        var command = BrokerClient.CommandOf(in request);
        brokers.Remoting.Prepare(command);
        return connection.TryPull(this, new CommandFrame(command), timeout, cancellationToken);
    }

    public override bool TrySetResult(RemotingCommand answer)
    {
        if (answer.Code == ResponseCodes.GoAway)
        {
            // The server is about to leave: what is under way may finish, this pull goes once more over a new connection.
            Connection.Retire();
            _ = SendAgainAsync();
            return true;
        }

        if (PullAnswer.StatusOf(answer.Code) is null)
        {
            return TrySetException(new BrokerResponseException(Code, answer.Code, answer.Remark, _address));
        }

        PullResult result;
        try
        {
            result = PullAnswer.Read(answer);
        }
        catch (RocketMQException malformed)
        {
            return TrySetException(malformed);
        }

        SetResult(result);
        return true;
    }

    public override bool TrySetException(Exception exception)
    {
        _core.SetException(exception);
        return true;
    }

    public override bool TakesPooled => _request.Pooled;

    public override bool Understands(in PullAnswerHeader header) => PullAnswer.StatusOf(header.Code) is not null;

    public override void SetAnswer(in PullAnswerHeader header, ReadOnlyMemory<byte> body) => SetResult(PullAnswer.Read(in header, body));

    public PullResult GetResult(short token)
    {
        var result = _core.GetResult(token);
        if (_mayBeReused)
        {
            _mayBeReused = false;
            _core.Reset();
            Forget();
            (_brokers, _address, _request, _cancellationToken) = (null, string.Empty, default, default);
            queue.Return(this);
        }

        return result;
    }

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
        => _core.OnCompleted(continuation, state, token, flags);

    protected override void SetCancelled(CancellationToken cancellationToken)
        => _core.SetException(new TaskCanceledException(null, null, cancellationToken));

    // From here on it may be waiting for another answer already.
    private void SetResult(PullResult result)
    {
        _mayBeReused = IsFreeOfOthers;
        _core.SetResult(BrokerClient.Of(_request.Queue, in result));
    }

    private async Task SendAgainAsync()
    {
        try
        {
            // Not on the receiving loop, which is about to hand out the next answer.
            await Task.Yield();
            var again = _brokers!.PullAsync(_address, _request, Timeout, mayResend: false, _cancellationToken);
            _core.SetResult(await again.ConfigureAwait(false));
        }
        catch (Exception exception)
        {
            _core.SetException(exception);
        }
    }
}
