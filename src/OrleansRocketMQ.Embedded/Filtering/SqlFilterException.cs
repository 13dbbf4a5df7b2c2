namespace OrleansRocketMQ.Embedded.Filtering;

/// <summary>A SQL92 expression cannot be read.</summary>
internal sealed class SqlFilterException(string reason)
    : RocketMQException(RocketMQErrorCode.Subscribe, $"Invalid MessageSelector. {reason}");
