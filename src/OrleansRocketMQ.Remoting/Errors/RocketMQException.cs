namespace OrleansRocketMQ;

/// <summary>The root of every error this library raises on its own account.</summary>
public class RocketMQException : Exception
{
    // The code is kept in HResult, which Orleans carries from silo to silo, as it does not with properties of our own: a
    // failure by another's definition (bits 31 and 29), and two letters to know ours by.
    private const int Facility = unchecked((int)0xA0520000);

    /// <summary>Creates an error with the code <see cref="RocketMQErrorCode.Unknown"/>.</summary>
    public RocketMQException()
        : this(RocketMQErrorCode.Unknown, "A RocketMQ operation failed.")
    {
    }

    /// <summary>Creates an error with the code <see cref="RocketMQErrorCode.Unknown"/>.</summary>
    public RocketMQException(string message)
        : this(RocketMQErrorCode.Unknown, message)
    {
    }

    /// <summary>Creates an error with the code <see cref="RocketMQErrorCode.Unknown"/>.</summary>
    public RocketMQException(string message, Exception? innerException)
        : this(RocketMQErrorCode.Unknown, message, innerException)
    {
    }

    /// <summary>Creates an error.</summary>
    public RocketMQException(RocketMQErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException) => HResult = Facility | (int)code;

    /// <summary>What kind of error this is; still known where the error has come from another silo.</summary>
    public RocketMQErrorCode Code => (HResult & ~0xFFFF) == Facility ? (RocketMQErrorCode)(HResult & 0xFFFF) : RocketMQErrorCode.Unknown;
}
