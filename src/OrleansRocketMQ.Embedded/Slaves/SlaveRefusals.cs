using OrleansRocketMQ.Embedded.Serving;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Slaves;

/// <summary>
/// What a slave does not do, with the answers of RocketMQ's. Mirrors <c>HookUtils.checkBeforePutMessage</c>,
/// <c>AbstractSendMessageProcessor.consumerSendMsgBack</c> and <c>EndTransactionProcessor</c> on a slave.
/// </summary>
internal static class SlaveRefusals
{
    private const string NotStored =
        "service not available now. It may be caused by one of the following reasons: "
        + "the broker's disk is full, messages are put to the slave, message store has been shut down, etc.";

    /// <param name="table">Gets the refusals.</param>
    /// <param name="ownHost">The slave's own address, without the port.</param>
    public static void AddTo(RequestTable table, string ownHost)
    {
        foreach (var code in (int[])[RequestCodes.SendMessage, RequestCodes.SendMessageV2, RequestCodes.SendBatchMessage])
        {
            table.Add(code, (_, request) => RemotingCommand.Response(request, ResponseCodes.ServiceNotAvailable, NotStored));
        }

        table.Add(
            RequestCodes.ConsumerSendMessageBack,
            (_, request) => RemotingCommand.Response(request, ResponseCodes.SystemError, $"no master available along with {ownHost}"));
        table.Add(RequestCodes.EndTransaction, (_, request) => RemotingCommand.Response(request, ResponseCodes.SlaveNotAvailable));
    }
}
