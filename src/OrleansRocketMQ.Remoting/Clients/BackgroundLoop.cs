using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Runs what must go on until it is told to stop. A loop that fails all the same is told of and begins anew: without routes
/// or heartbeats a client would fade away, and nobody would know why.
/// </summary>
internal static partial class BackgroundLoop
{
    private static readonly TimeSpan PauseAfterFailure = TimeSpan.FromSeconds(1);

    /// <summary>Starts a loop.</summary>
    /// <returns>Completes when it has stopped; never faults.</returns>
    public static Task Run(string name, Func<CancellationToken, Task> loop, TimeProvider time, ILogger logger, CancellationToken stopping)
        => Task.Run(() => KeepGoingAsync(name, loop, time, logger, stopping), CancellationToken.None);

    /// <summary>The loop itself, for those who start it elsewhere: it goes on wherever it is started.</summary>
    /// <returns>Completes when it has stopped; never faults.</returns>
    public static async Task KeepGoingAsync(
        string name,
        Func<CancellationToken, Task> loop,
        TimeProvider time,
        ILogger logger,
        CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await loop(stopping);
                return;
            }
            catch (Exception exception) when (!stopping.IsCancellationRequested)
            {
                Tell(logger, name, exception);
                await Task.Delay(PauseAfterFailure, time, stopping)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
            catch (Exception)
            {
                // Stopping: what it met on the way out changes nothing any more.
            }
        }
    }

    private static void Tell(ILogger logger, string name, Exception exception)
    {
        try
        {
            Log.LoopFailed(logger, name, exception);
        }
        catch (Exception)
        {
            // A log that cannot be written, perhaps what the loop failed of, does not end the loop either.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(61, LogLevel.Error, "The loop '{Name}' failed and begins anew in a second")]
        public static partial void LoopFailed(ILogger logger, string name, Exception exception);
    }
}
