using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Sends;

/// <summary>The header of a send, in its long or its one-letter form. Mirrors <c>SendMessageRequestHeader</c> and <c>…V2</c>.</summary>
internal sealed class SendRequest
{
    public SendRequest(RemotingCommand request)
    {
        var isShort = request.Code != RequestCodes.SendMessage;
        ProducerGroup = request.GetRequired(isShort ? "a" : "producerGroup");
        Topic = request.GetRequired(isShort ? "b" : "topic");
        DefaultTopic = request.GetRequired(isShort ? "c" : "defaultTopic");
        DefaultTopicQueues = request.GetInt32(isShort ? "d" : "defaultTopicQueueNums");
        QueueId = request.GetInt32(isShort ? "e" : "queueId");
        SysFlag = request.GetInt32(isShort ? "f" : "sysFlag");
        BornTimestamp = request.GetInt64(isShort ? "g" : "bornTimestamp");
        Flag = request.GetInt32(isShort ? "h" : "flag");
        Properties = MessageProperties.Decode(Encoding.UTF8.GetBytes(request[isShort ? "i" : "properties"] ?? string.Empty));
        ReconsumeTimes = request.GetInt32(isShort ? "j" : "reconsumeTimes", 0);
        var maxTimes = isShort ? "l" : "maxReconsumeTimes";
        MaxReconsumeTimes = request[maxTimes] is null ? null : request.GetInt32(maxTimes);
        IsBatch = request.GetBoolean(isShort ? "m" : "batch");
    }

    public string ProducerGroup { get; }

    public string Topic { get; }

    /// <summary>The topic whose settings an unknown topic shall take.</summary>
    public string DefaultTopic { get; }

    public int DefaultTopicQueues { get; }

    /// <summary>Negative: any.</summary>
    public int QueueId { get; }

    public int SysFlag { get; }

    public long BornTimestamp { get; }

    public int Flag { get; }

    public Dictionary<string, string> Properties { get; }

    public int ReconsumeTimes { get; }

    public int? MaxReconsumeTimes { get; }

    public bool IsBatch { get; }
}
