using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>Answers a request; null means that nothing is answered.</summary>
internal delegate ValueTask<RemotingCommand?> RequestHandler(ClientPeer peer, RemotingCommand request);

/// <summary>Who handles which request code. Filled once, then only read.</summary>
internal sealed class RequestTable
{
    private readonly Dictionary<int, RequestHandler> _handlers = [];

    public void Add(int code, RequestHandler handler) => _handlers.Add(code, handler);

    public void Add(int code, Func<ClientPeer, RemotingCommand, RemotingCommand?> handler)
        => _handlers.Add(code, (peer, request) => ValueTask.FromResult(handler(peer, request)));

    public ValueTask<RemotingCommand?> HandleAsync(ClientPeer peer, RemotingCommand request) => _handlers.TryGetValue(request.Code, out var handler)
        ? handler(peer, request)
        : ValueTask.FromResult<RemotingCommand?>(RemotingCommand.Response(
            request, ResponseCodes.RequestCodeNotSupported, $" request type {request.Code} not supported"));
}
