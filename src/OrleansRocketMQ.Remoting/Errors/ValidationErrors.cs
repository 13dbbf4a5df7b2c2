namespace OrleansRocketMQ;

/// <summary>An argument or a setting is wrong; says which one, what it was and what is allowed.</summary>
public class RocketMQValidationException(
    string field,
    object? value,
    string expected,
    RocketMQErrorCode code = RocketMQErrorCode.Validation)
    : RocketMQException(code, $"{field} is '{value ?? "(null)"}', expected {expected}.")
{
    /// <summary>The name of the argument or setting.</summary>
    public string Field { get; } = field;

    /// <summary>The value given.</summary>
    public object? Value { get; } = value;

    /// <summary>What is allowed.</summary>
    public string Expected { get; } = expected;
}

/// <summary>A setting is wrong; says which one, what it was and what is allowed.</summary>
public sealed class RocketMQConfigurationException(string field, object? value, string expected)
    : RocketMQValidationException(field, value, expected, RocketMQErrorCode.Configuration);

/// <summary>A message could not be sent to any broker.</summary>
public sealed class SendFailedException(string message, Exception? innerException = null)
    : RocketMQException(RocketMQErrorCode.Send, message, innerException);
