using System.Data.Common;
using System.Net.Sockets;
using Orleans.Runtime;

namespace OrleansRocketMQ.SiloHost.Errors;

/// <summary>Something of this machine or of the settings is in the way of a start; the message says what and what to do.</summary>
internal sealed class StartException(
    string message,
    Exception? innerException = null,
    int exitCode = ExitCode.BadConfiguration) : Exception(message, innerException)
{
    public int ExitCode { get; } = exitCode;
}

/// <summary>Tells errors that users can put right from those they cannot.</summary>
/// <param name="Message">One readable line.</param>
/// <param name="ExitCode">What the process ends with.</param>
internal sealed record StartError(string Message, int ExitCode)
{
    /// <summary>What is wrong, or null when it is none of the user's doing.</summary>
    public static StartError? Explain(Exception exception)
        => Chain(exception).Select(ExplainOne).FirstOrDefault(error => error is not null) is { } found
            ? found with { Message = OneLine(found.Message) }
            : null;

    private static StartError? ExplainOne(Exception exception) => exception switch
    {
        StartException start => new(start.Message, start.ExitCode),
        RocketMQValidationException => new(exception.Message, Errors.ExitCode.BadConfiguration),
        InvalidOperationException when exception.Message.StartsWith("Failed to convert configuration value", StringComparison.Ordinal)
            => new(WithoutType(exception.Message), Errors.ExitCode.BadConfiguration),
        OrleansConfigurationException => new($"a setting of Orleans is wrong: {exception.Message}", Errors.ExitCode.BadConfiguration),
        SocketException { SocketErrorCode: SocketError.AddressAlreadyInUse }
            => new($"a port it needs is taken ({exception.Message}).", Errors.ExitCode.BadConfiguration),
        DbException => new($"the database of the Orleans cluster cannot be used: {exception.Message}", Errors.ExitCode.Unreachable),
        _ => null,
    };

    // "... value 'x' at 'Demo:Rate' to type 'System.Int32'." The type's name helps nobody.
    private static string WithoutType(string message)
    {
        var type = message.IndexOf(" to type ", StringComparison.Ordinal);
        return type < 0 ? message : message[..type] + ".";
    }

    private static string OneLine(string message)
        => string.Join(' ', message.Split('\n', '\r').Select(line => line.Trim()).Where(line => line.Length > 0));

    private static IEnumerable<Exception> Chain(Exception? exception)
    {
        for (; exception is not null; exception = exception.InnerException)
        {
            yield return exception;
        }
    }
}
