using System.Collections.Frozen;
using System.Globalization;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// The second port of a broker, two below the first, on which nobody pulls: short requests need not wait behind long
/// ones there. Mirrors <c>MixAll.brokerVIPChannel</c> and its callers.
/// </summary>
internal static class VipChannel
{
    private const int Distance = 2;

    // Everything else stays on the first port: a broker knows its members by the connection of their heartbeats.
    private static readonly FrozenSet<int> Codes = FrozenSet.ToFrozenSet(
    [
        RequestCodes.SendMessageV2, RequestCodes.SendBatchMessage, RequestCodes.ConsumerSendMessageBack,
        RequestCodes.LockBatchMessageQueue, RequestCodes.UnlockBatchMessageQueue, RequestCodes.GetConsumerListByGroup,
        RequestCodes.QueryConsumerOffset, RequestCodes.UpdateConsumerOffset, RequestCodes.GetMaxOffset, RequestCodes.GetMinOffset,
        RequestCodes.SearchOffsetByTimestamp, RequestCodes.GetEarliestMessageStoreTime, RequestCodes.ViewMessageById,
        RequestCodes.CheckClientConfig, RequestCodes.UpdateAndCreateTopic, RequestCodes.DeleteTopicInBroker,
        RequestCodes.QueryAssignment, RequestCodes.SetMessageRequestMode,
    ]);

    /// <summary>Where a request to a broker goes.</summary>
    public static string AddressFor(string address, RemotingCommand request)
    {
        var fast = Codes.Contains(request.Code) && !(request.IsOneWay && request.Code == RequestCodes.UnlockBatchMessageQueue);
        return fast ? FastAddressOf(address) : address;
    }

    /// <summary>The second port; the first one where there can be no second.</summary>
    public static string FastAddressOf(string address)
    {
        var colon = address.LastIndexOf(':');
        return int.TryParse(address.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port > Distance
            ? string.Create(CultureInfo.InvariantCulture, $"{address.AsSpan(0, colon + 1)}{port - Distance}")
            : address;
    }
}
