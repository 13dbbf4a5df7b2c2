using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>Answers a request; null means that nothing is answered.</summary>
internal delegate ValueTask<RemotingCommand?> RequestHandler(ClientPeer peer, RemotingCommand request);

/// <summary>Who handles which request code. Filled once, then only read.</summary>
/// <param name="security">Who may ask at all; null: everybody.</param>
internal sealed class RequestTable(ServerSecurity? security = null)
{
    private readonly Dictionary<int, RequestHandler> _handlers = [];

    public void Add(int code, RequestHandler handler) => _handlers.Add(code, handler);

    public void Add(int code, Func<ClientPeer, RemotingCommand, RemotingCommand?> handler)
        => _handlers.Add(code, (peer, request) => ValueTask.FromResult(handler(peer, request)));

    /// <summary>Puts somebody before who handles a code.</summary>
    public void Wrap(int code, Func<RequestHandler, RequestHandler> outer) => _handlers[code] = outer(_handlers[code]);

    public ValueTask<RemotingCommand?> HandleAsync(ClientPeer peer, RemotingCommand request)
    {
        if (security?.Complaint(request) is { } complaint)
        {
            return ValueTask.FromResult<RemotingCommand?>(RemotingCommand.Response(request, ResponseCodes.NoPermission, complaint));
        }

        return AnswerAsync(peer, request);
    }

    /// <summary>Answers whoever asks; for brokers, which pass on what has been let in.</summary>
    public ValueTask<RemotingCommand?> AnswerAsync(ClientPeer peer, RemotingCommand request)
        => _handlers.TryGetValue(request.Code, out var handler)
            ? handler(peer, request)
            : ValueTask.FromResult<RemotingCommand?>(RemotingCommand.Response(
                request, ResponseCodes.RequestCodeNotSupported, $" request type {request.Code} not supported"));
}
