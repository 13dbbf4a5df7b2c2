using System.Globalization;
using System.Reflection;

namespace OrleansRocketMQ.Protocol;

/// <summary>Request codes, as in <c>org.apache.rocketmq.remoting.protocol.RequestCode</c>.</summary>
public static class RequestCodes
{
#pragma warning disable CS1591 // The names are the documentation: they are RocketMQ's own.
    public const int SendMessage = 10;
    public const int PullMessage = 11;
    public const int QueryMessage = 12;
    public const int QueryConsumerOffset = 14;
    public const int UpdateConsumerOffset = 15;
    public const int UpdateAndCreateTopic = 17;
    public const int SearchOffsetByTimestamp = 29;
    public const int GetMaxOffset = 30;
    public const int GetMinOffset = 31;
    public const int GetEarliestMessageStoreTime = 32;
    public const int ViewMessageById = 33;
    public const int HeartBeat = 34;
    public const int UnregisterClient = 35;
    public const int ConsumerSendMessageBack = 36;
    public const int EndTransaction = 37;
    public const int GetConsumerListByGroup = 38;
    public const int CheckTransactionState = 39;
    public const int NotifyConsumerIdsChanged = 40;
    public const int LockBatchMessageQueue = 41;
    public const int UnlockBatchMessageQueue = 42;
    public const int CheckClientConfig = 46;
    public const int GetRouteInfoByTopic = 105;
    public const int GetBrokerClusterInfo = 106;
    public const int UpdateAndCreateSubscriptionGroup = 200;
    public const int GetAllSubscriptionGroupConfig = 201;
    public const int GetTopicStatsInfo = 202;
    public const int GetConsumerConnectionList = 203;
    public const int GetAllTopicListFromNameServer = 206;
    public const int GetConsumeStats = 208;
    public const int DeleteTopicInBroker = 215;
    public const int ResetConsumerClientOffset = 220;
    public const int GetConsumerStatusFromClient = 221;
    public const int InvokeBrokerToResetOffset = 222;
    public const int InvokeBrokerToGetConsumerStatus = 223;
    public const int GetConsumerRunningInfo = 307;
    public const int ConsumeMessageDirectly = 309;
    public const int SendMessageV2 = 310;
    public const int SendBatchMessage = 320;
    public const int SendReplyMessage = 324;
    public const int SendReplyMessageV2 = 325;
    public const int PushReplyMessageToClient = 326;
    public const int GetTopicConfig = 351;
    public const int GetSubscriptionGroupConfig = 352;
    public const int LitePullMessage = 361;
    public const int RecallMessage = 370;
    public const int QueryAssignment = 400;
    public const int SetMessageRequestMode = 401;
    public const int GetAllMessageRequestMode = 402;
    public const int UpdateAndCreateStaticTopic = 513;
    public const int PopMessage = 200050;
    public const int AckMessage = 200051;
    public const int ChangeMessageInvisibleTime = 200053;
    public const int Notification = 200054;
    public const int BatchAckMessage = 200151;
#pragma warning restore CS1591

    private static readonly Dictionary<int, string> Names = CodeNames.Of(typeof(RequestCodes));

    /// <summary>The name of a code followed by its number, or the number alone for a code this client does not know.</summary>
    public static string NameOf(int code) => CodeNames.Describe(Names, code);
}

/// <summary>Response codes, as in <c>ResponseCode</c> and <c>RemotingSysResponseCode</c>.</summary>
public static class ResponseCodes
{
#pragma warning disable CS1591 // The names are the documentation: they are RocketMQ's own.
    public const int Success = 0;
    public const int SystemError = 1;
    public const int SystemBusy = 2;
    public const int RequestCodeNotSupported = 3;
    public const int FlushDiskTimeout = 10;
    public const int SlaveNotAvailable = 11;
    public const int FlushSlaveTimeout = 12;
    public const int MessageIllegal = 13;
    public const int ServiceNotAvailable = 14;
    public const int VersionNotSupported = 15;
    public const int NoPermission = 16;
    public const int TopicNotExist = 17;
    public const int TopicExistAlready = 18;
    public const int PullNotFound = 19;
    public const int PullRetryImmediately = 20;
    public const int PullOffsetMoved = 21;
    public const int QueryNotFound = 22;
    public const int SubscriptionParseFailed = 23;
    public const int SubscriptionNotExist = 24;
    public const int SubscriptionNotLatest = 25;
    public const int SubscriptionGroupNotExist = 26;
    public const int FilterDataNotExist = 27;
    public const int FilterDataNotLatest = 28;
    public const int InvalidParameter = 29;
    public const int NotInCurrentUnit = 205;
    public const int ConsumerNotOnline = 206;
    public const int ConsumeMessageTimeout = 207;
    public const int NoMessage = 208;
    public const int PollingFull = 209;
    public const int PollingTimeout = 210;
    public const int BroadcastConsumption = 213;
    public const int FlowControl = 215;
    public const int NotLeaderForQueue = 501;
    public const int IllegalOperation = 604;
    public const int GoAway = 1500;
#pragma warning restore CS1591

    private static readonly Dictionary<int, string> Names = CodeNames.Of(typeof(ResponseCodes));

    /// <summary>The name of a code followed by its number, or the number alone for a code this client does not know.</summary>
    public static string NameOf(int code) => CodeNames.Describe(Names, code);
}

internal static class CodeNames
{
    public static Dictionary<int, string> Of(Type constants) => constants
        .GetFields(BindingFlags.Public | BindingFlags.Static)
        .Where(field => field.IsLiteral)
        .ToDictionary(field => (int)field.GetRawConstantValue()!, field => field.Name);

    public static string Describe(Dictionary<int, string> names, int code) => names.TryGetValue(code, out var name)
        ? string.Create(CultureInfo.InvariantCulture, $"{name} ({code})")
        : code.ToString(CultureInfo.InvariantCulture);
}
