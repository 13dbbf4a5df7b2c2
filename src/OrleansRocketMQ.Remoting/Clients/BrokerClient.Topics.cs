using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

public sealed partial class BrokerClient
{
    /// <summary>UPDATE_AND_CREATE_TOPIC: creates a topic on a broker, or changes it.</summary>
    /// <param name="address">The master of a broker set.</param>
    /// <param name="topic">The topic.</param>
    /// <param name="queues">How many queues it has there, to read and to write. Default 4.</param>
    /// <param name="permission">Bits of <see cref="QueueData"/>: 4 read, 2 write. Default both.</param>
    /// <param name="order">Whether it is marked as ordered.</param>
    /// <param name="attributes">Attributes such as <c>+message.type=FIFO</c>, separated by commas.</param>
    /// <param name="cancellationToken">Gives up early.</param>
    public Task CreateTopicAsync(
        string address,
        string topic,
        int queues = 4,
        int permission = QueueData.ReadPermission | QueueData.WritePermission,
        bool order = false,
        string attributes = "",
        CancellationToken cancellationToken = default)
        => InvokeAsync(
            address,
            RemotingCommand.Request(RequestCodes.UpdateAndCreateTopic)
                .Set("topic", topic)
                .Set("defaultTopic", SystemTopics.AutoCreateKey)
                .Set("readQueueNums", queues)
                .Set("writeQueueNums", queues)
                .Set("perm", permission)
                .Set("topicFilterType", "SINGLE_TAG")
                .Set("topicSysFlag", 0)
                .Set("order", order)
                .Set("attributes", attributes)
                .Set("force", false),
            cancellationToken: cancellationToken);

    /// <summary>DELETE_TOPIC_IN_BROKER: deletes a topic on a broker.</summary>
    public Task DeleteTopicAsync(string address, string topic, CancellationToken cancellationToken = default)
        => InvokeAsync(
            address,
            RemotingCommand.Request(RequestCodes.DeleteTopicInBroker).Set("topic", topic),
            cancellationToken: cancellationToken);
}
