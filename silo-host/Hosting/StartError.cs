using System.Net.Sockets;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Something of this machine or of the settings is in the way of a start; the message says what and what to do.</summary>
internal sealed class StartException(string message, Exception? innerException = null) : Exception(message, innerException);

/// <summary>Tells errors that users can put right from those they cannot.</summary>
internal static class StartError
{
    /// <summary>One readable line, or null when the error is none of the user's doing.</summary>
    public static string? Explain(Exception exception) => Chain(exception).Select(ExplainOne).FirstOrDefault(line => line is not null);

    private static string? ExplainOne(Exception exception) => exception switch
    {
        StartException or RocketMQValidationException => exception.Message,
        InvalidOperationException when exception.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal)
            => WithoutType(exception.Message),
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse } => $"a port it needs is taken ({exception.Message}).",
        _ => null,
    };

    // "... value 'x' at 'Demo:Rate' to type 'System.Int32'." The type's name helps nobody.
    private static string WithoutType(string message)
    {
        var type = message.IndexOf(" to type ", StringComparison.Ordinal);
        return type < 0 ? message : message[..type] + ".";
    }

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            yield return exception;
        }
    }
}
