using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Requests for a queue, where its broker may have handed it over: a logical queue moves from broker to broker, and who asks the
/// one that had it is refused (NOT_LEADER_FOR_QUEUE). Nothing was done then, so the new one is looked for and asked.
/// </summary>
internal static class LeaderSearch
{
    private static readonly TimeSpan LongestSearch = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>Asks the broker that keeps a queue's offsets.</summary>
    /// <exception cref="BrokerNotAvailableException">Its address is not known.</exception>
    public static Task<T> AtLeaderAsync<T>(
        this RouteTable routes, MessageQueue queue, Func<string, Task<T>> ask, CancellationToken cancellationToken = default)
        => routes.AtLeaderAsync(queue, _ => new(routes.MasterOf(queue)), ask, cancellationToken);

    /// <inheritdoc cref="AtLeaderAsync{T}(RouteTable, MessageQueue, Func{string, Task{T}}, CancellationToken)"/>
    public static Task AtLeaderAsync(
        this RouteTable routes, MessageQueue queue, Func<string, Task> ask, CancellationToken cancellationToken = default)
        => routes.AtLeaderAsync(
            queue,
            async address =>
            {
                await ask(address);
                return true;
            },
            cancellationToken);

    /// <summary>Asks the broker that is found for a queue.</summary>
    /// <param name="routes">Where brokers are.</param>
    /// <param name="queue">The queue.</param>
    /// <param name="find">Finds its broker in the present route.</param>
    /// <param name="ask">Asks that; a refusal must mean that nothing was done.</param>
    /// <param name="cancellationToken">Gives up.</param>
    public static async Task<T> AtLeaderAsync<TBroker, T>(
        this RouteTable routes,
        MessageQueue queue,
        Func<CancellationToken, ValueTask<TBroker>> find,
        Func<TBroker, Task<T>> ask,
        CancellationToken cancellationToken)
    {
        var start = routes.TimeProvider.GetTimestamp();
        while (true)
        {
            var asked = await find(cancellationToken);
            try
            {
                return await ask(asked);
            }
            catch (BrokerResponseException refused) when (refused.ResponseCode == ResponseCodes.NotLeaderForQueue
                && routes.TimeProvider.GetElapsedTime(start) < LongestSearch)
            {
                await FindAnotherAsync(routes, queue, find, asked, cancellationToken);
            }
        }
    }

    /// <summary>Reads the route again. Name servers may hear of the new leader a little later than clients of the old one.</summary>
    private static async Task FindAnotherAsync<TBroker>(
        RouteTable routes,
        MessageQueue queue,
        Func<CancellationToken, ValueTask<TBroker>> find,
        TBroker refused,
        CancellationToken cancellationToken)
    {
        try
        {
            await routes.RefreshAsync(queue.Topic, cancellationToken);
            if (!EqualityComparer<TBroker>.Default.Equals(await find(cancellationToken), refused))
            {
                return;
            }
        }
        catch (RocketMQException)
        {
            // Name servers are away, or nobody leads the queue just now.
        }

        await Task.Delay(Pause, routes.TimeProvider, cancellationToken);
    }
}
