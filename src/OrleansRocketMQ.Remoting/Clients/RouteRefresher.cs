using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Clients;

/// <summary>Keeps a <see cref="RouteTable"/> up to date: at once, then at an interval, sooner while no name server answers.</summary>
internal sealed partial class RouteRefresher(RouteTable routes, Action refreshed, TimeSpan interval, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);

    private readonly Wakeup _wakeup = new(time);

    public void RefreshSoon() => _wakeup.Set();

    public async Task RunAsync(CancellationToken stopping)
    {
        var failures = 0;
        while (true)
        {
            try
            {
                await routes.RefreshAsync(stopping).ConfigureAwait(false);
                failures = 0;
                refreshed();
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (NameServerException exception)
            {
                // The name-server client tells once when a server goes and comes back; this is for those who look closer.
                failures++;
                Log.NotRefreshed(logger, exception.Message);
            }
            catch (Exception exception)
            {
                failures++;
                Log.RefreshFailed(logger, exception);
            }

            try
            {
                var wait = failures == 0 ? interval : Connections.Backoff.Next(failures, FirstRetry, interval);
                await _wakeup.WaitAsync(wait, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(25, LogLevel.Debug, "Routes could not be refreshed: {Reason}")]
        public static partial void NotRefreshed(ILogger logger, string reason);

        [LoggerMessage(26, LogLevel.Error, "Refreshing the routes failed")]
        public static partial void RefreshFailed(ILogger logger, Exception exception);
    }
}
