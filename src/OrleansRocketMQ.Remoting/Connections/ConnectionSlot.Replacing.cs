using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Connections;

/// <summary>Puts a connection with other certificates in the place of the one that is there.</summary>
internal sealed partial class ConnectionSlot
{
    private string? _whyNotReplaced;

    /// <summary>
    /// Opens a connection beside the one that is there and puts it in its place, which then goes as after GO_AWAY. Where none is
    /// open, the next one is new anyway.
    /// </summary>
    /// <returns>False when the new one could not be opened: the old one goes on.</returns>
    /// <param name="question">
    /// What is asked over the new one first: with TLS 1.3 a server refuses a client's certificate only after the handshake.
    /// </param>
    public async Task<bool> TryReplaceAsync(RemotingCommand question)
    {
        var current = Volatile.Read(ref _current);
        if (current is null)
        {
            return true;
        }

        // One that is on its way may have begun with what was before.
        await ((Task)current).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (current is not { IsCompletedSuccessfully: true, Result: { IsUsable: true } old })
        {
            return true;
        }

        try
        {
            var replacement = await ConnectAsync(question);
            if (TryPutInPlaceOf(old, current, replacement))
            {
                onOpened(address);
            }
            else
            {
                await replacement.DisposeAsync();
            }

            return true;
        }
        catch (Exception exception)
        {
            // It is tried again and again, and told of once.
            if (Interlocked.Exchange(ref _whyNotReplaced, exception.Message) != exception.Message && !_disposing.IsCancellationRequested)
            {
                Log.NotReplaced(logger, address, exception.Message);
            }

            return false;
        }
    }

    private bool TryPutInPlaceOf(RemotingConnection old, Task<RemotingConnection> current, RemotingConnection replacement)
    {
        lock (_gate)
        {
            if (_current != current || _disposing.IsCancellationRequested)
            {
                return false;
            }

            Judge(current);
            old.Retire();
            _retired.RemoveAll(static connection => connection.Closed.IsCompleted);
            _retired.Add(old);
            _current = Task.FromResult(replacement);
            // The same reason is news when it comes again.
            _whyNotReplaced = null;
            return true;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            47,
            LogLevel.Warning,
            "The connection to {Address} goes on with the certificates from before; with those of now there is none: {Reason}")]
        public static partial void NotReplaced(ILogger logger, string address, string reason);
    }
}
