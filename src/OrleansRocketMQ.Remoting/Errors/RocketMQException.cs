namespace OrleansRocketMQ;

/// <summary>The root of every error this library raises on its own account.</summary>
public class RocketMQException : Exception
{
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
        : base(message, innerException) => Code = code;

    /// <summary>What kind of error this is.</summary>
    public RocketMQErrorCode Code { get; }
}
