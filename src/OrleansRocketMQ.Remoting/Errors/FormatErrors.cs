namespace OrleansRocketMQ;

/// <summary>
/// Bytes on a connection are not a frame of the protocol. The connection they came on is closed, because nothing
/// after them can be trusted; other connections are not affected.
/// </summary>
public sealed class FrameFormatException(string field, long value, string expected)
    : RocketMQNetworkException($"Corrupt frame: {field} is {value}, expected {expected}.", code: RocketMQErrorCode.FrameFormat)
{
    /// <summary>The part of the frame that is wrong.</summary>
    public string Field { get; } = field;

    /// <summary>The value found.</summary>
    public long Value { get; } = value;

    /// <summary>What was expected instead.</summary>
    public string Expected { get; } = expected;
}

/// <summary>An answer is longer than this side accepts. Only the request it was for has failed.</summary>
internal sealed class FrameTooLongException(string address, int requestCode, int length, int limit) : RocketMQException(
    RocketMQErrorCode.FrameFormat,
    $"The answer of {address} to request {Protocol.RequestCodes.NameOf(requestCode)} is {length} bytes long, "
        + $"more than MaxFrameLength, {limit}. "
        + "Set RocketMQ:MaxFrameLength (RemotingOptions.MaxFrameLength) above the largest message the brokers take (maxMessageSize).");

/// <summary>
/// A message inside a valid frame cannot be decoded: a broken layout, a wrong checksum, or a body that does not decompress.
/// </summary>
public sealed class MessageFormatException(string field, string value, string expected, Exception? innerException = null)
    : RocketMQException(
        RocketMQErrorCode.MessageFormat,
        $"Message cannot be decoded: {field} is {value}, expected {expected}.",
        innerException)
{
    /// <summary>The part of the message that is wrong.</summary>
    public string Field { get; } = field;

    /// <summary>The value found.</summary>
    public string Value { get; } = value;

    /// <summary>What was expected instead.</summary>
    public string Expected { get; } = expected;
}
