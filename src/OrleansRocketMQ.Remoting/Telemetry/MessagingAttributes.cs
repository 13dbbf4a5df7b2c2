namespace OrleansRocketMQ.Telemetry;

/// <summary>Names and fixed values of OpenTelemetry's semantic conventions for messaging, as far as they are used here.</summary>
internal static class MessagingAttributes
{
    public const string System = "messaging.system";
    public const string RocketMQ = "rocketmq";
    public const string OperationName = "messaging.operation.name";
    public const string OperationType = "messaging.operation.type";
    public const string Send = "send";
    public const string Process = "process";
    public const string Pull = "pull";
    public const string Receive = "receive";
    public const string Settle = "settle";
    public const string Destination = "messaging.destination.name";
    public const string Partition = "messaging.destination.partition.id";
    public const string ConsumerGroup = "messaging.consumer.group.name";
    public const string ClientId = "messaging.client.id";
    public const string MessageId = "messaging.message.id";
    public const string BodySize = "messaging.message.body.size";
    public const string BatchCount = "messaging.batch.message_count";
    public const string Tag = "messaging.rocketmq.message.tag";
    public const string Keys = "messaging.rocketmq.message.keys";
    public const string MessageGroup = "messaging.rocketmq.message.group";
    public const string DelayLevel = "messaging.rocketmq.message.delay_time_level";
    public const string DeliveryTimestamp = "messaging.rocketmq.message.delivery_timestamp";
    public const string MessageType = "messaging.rocketmq.message.type";
    public const string Namespace = "messaging.rocketmq.namespace";
    public const string ConsumptionModel = "messaging.rocketmq.consumption_model";
    public const string ServerAddress = "server.address";
    public const string ServerPort = "server.port";

    /// <summary>Which attempt this is, from 1; a name of our own, as the conventions have none for RocketMQ.</summary>
    public const string DeliveryAttempt = "orleans_rocketmq.message.delivery_attempt";

    public const string ErrorType = "error.type";

    /// <summary>What makes a queue unique within its topic: queue numbers begin anew on each broker.</summary>
    public static string PartitionOf(MessageQueue queue) => $"{queue.BrokerName}/{queue.QueueId}";

    /// <summary>The kind of an error: its exception's full name.</summary>
    public static string TypeOf(Exception exception) => exception.GetType().FullName ?? exception.GetType().Name;
}
