using System.Buffers;

namespace OrleansRocketMQ;

/// <summary>
/// Writes values into bodies of messages and reads them there. One object serves a producer, a group or a whole silo, so it
/// must be thread-safe; it is called for each message, so what it learns of a type by reflection it should keep.
/// <see cref="JsonMessageSerializer"/> is the default.
/// </summary>
public interface IMessageSerializer
{
    /// <summary>Writes a value. What it throws ends the send.</summary>
    /// <typeparam name="T">The type the sender named.</typeparam>
    /// <param name="value">The value.</param>
    /// <param name="output">Takes the bytes; a message needs at least one.</param>
    void Serialize<T>(T value, IBufferWriter<byte> output);

    /// <summary>
    /// Reads a value. Whatever it throws, and null, means that the message cannot be read; the group's
    /// <c>UnreadableHandling</c> says what becomes of it then.
    /// </summary>
    /// <typeparam name="T">The type the listener asked for.</typeparam>
    /// <param name="body">The body, decompressed; shared with others, so it must not be kept.</param>
    T? Deserialize<T>(ReadOnlyMemory<byte> body);
}
