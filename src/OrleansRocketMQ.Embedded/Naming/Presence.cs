using OrleansRocketMQ.Embedded.Serving;

namespace OrleansRocketMQ.Embedded.Naming;

/// <summary>
/// Whether a broker is there: listens, works, and stands in the routes. Starts and stops come one after the other, and
/// nothing starts any more once it has ended. Thread-safe.
/// </summary>
/// <param name="endpoint">Where it listens.</param>
/// <param name="routes">Where it registers.</param>
/// <param name="registration">What it registers.</param>
/// <param name="start">Begins the broker's own work.</param>
/// <param name="stop">Ends it, when no client is connected any more.</param>
internal sealed class Presence(BrokerEndpoints endpoint, RouteTable routes, IRegisteredBroker registration, Action start, Action stop)
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private bool _ended;

    /// <summary>Has no effect when it is there already.</summary>
    public Task StartAsync() => InTurnAsync(async () =>
    {
        if (!endpoint.IsRunning)
        {
            await endpoint.StartAsync().ConfigureAwait(false);
            start();
            routes.Register(registration);
        }
    });

    /// <param name="unregister">Whether routes are to forget it; not after what is meant to be a crash.</param>
    public Task StopAsync(bool unregister) => InTurnAsync(() => LeaveAsync(unregister));

    /// <summary>Does something that no start, stop or end comes between.</summary>
    /// <exception cref="ObjectDisposedException">It has ended.</exception>
    public async Task InTurnAsync(Func<Task> work)
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_ended, registration.Name);
            await work().ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>
    /// Goes on at the endpoint of another member of the set, which leaves: works if that listens, does not if it does not. Nothing
    /// else may start or stop either of them meanwhile.
    /// </summary>
    public void MoveTo(BrokerEndpoints other)
    {
        var worked = endpoint.IsRunning;
        endpoint = other;
        if (other.IsRunning)
        {
            if (!worked)
            {
                start();
            }

            routes.Register(registration);
            return;
        }

        routes.Unregister(registration);
        if (worked)
        {
            stop();
        }
    }

    /// <summary>Stops for good; false when it had before.</summary>
    public async Task<bool> EndAsync()
    {
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            if (_ended)
            {
                return false;
            }

            _ended = true;
            await LeaveAsync(unregister: true).ConfigureAwait(false);
            return true;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task LeaveAsync(bool unregister)
    {
        if (unregister)
        {
            routes.Unregister(registration);
        }

        await endpoint.StopAsync().ConfigureAwait(false);
        stop();
    }
}
