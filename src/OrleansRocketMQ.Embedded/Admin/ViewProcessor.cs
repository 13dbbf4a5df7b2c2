using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Embedded.Store;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Admin;

/// <summary>Shows a stored message by its place. Mirrors <c>QueryMessageProcessor.viewMessageById</c>.</summary>
internal sealed class ViewProcessor(IMessageReader store)
{
    public void AddTo(RequestTable table) => table.Add(RequestCodes.ViewMessageById, (_, request) => View(request));

    private RemotingCommand View(RemotingCommand request)
    {
        var offset = request.GetInt64("offset");
        return store.TryReadRecord(offset, out var record)
            ? RemotingCommand.Response(request, ResponseCodes.Success, body: record)
            : RemotingCommand.Response(request, ResponseCodes.SystemError, $"can not find message by the offset, {offset}");
    }
}
