namespace OrleansRocketMQ;

/// <summary>Where a serializer is chosen, so that packages which bring one need not know who uses it: a silo, or one group.</summary>
public interface IMessageSerializerRegistry
{
    /// <summary>Sets who reads the bodies of messages.</summary>
    /// <param name="serializer">Must be thread-safe.</param>
    void UseSerializer(IMessageSerializer serializer);
}
