using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// Asks brokers who is in a group. Every member heartbeats to every broker, so any of them knows all members; the next one is
/// asked when one is away, is silent, or does not count this silo in: it may be the only one without the group.
/// </summary>
internal sealed class GroupMembers(ConsumerGroupRuntime consumer, TimeProvider time)
{
    // An answer takes milliseconds. One that is slow may still be the first to answer.
    private static readonly TimeSpan FirstPatience = TimeSpan.FromMilliseconds(250);
    private const int MostDoublings = 5;

    private RocketMQClient Client => consumer.Client;

    /// <summary>The members as a broker knows them that counts this silo in, if there is one; else as any does.</summary>
    /// <param name="topics">The queues whose brokers are asked.</param>
    /// <param name="unlisted">How often on end none counted this silo in: then slow ones are waited for longer.</param>
    /// <param name="cancellationToken">Gives up.</param>
    /// <exception cref="RebalanceException">None answers.</exception>
    public async Task<IReadOnlySet<string>> ReadAsync(
        IReadOnlyList<IReadOnlyList<MessageQueue>> topics,
        int unlisted,
        CancellationToken cancellationToken)
    {
        var brokers = AddressesOf(topics);
        var patience = FirstPatience * (1 << Math.Min(unlisted, MostDoublings));
        using var answered = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var asked = new List<Task<IReadOnlyList<string>>>();
        Exception? last = null;
        HashSet<string>? without = null;
        try
        {
            for (var next = 0; next < brokers.Length || asked.Count > 0;)
            {
                if (next < brokers.Length)
                {
                    asked.Add(Client.Brokers.GetConsumerIdsAsync(brokers[next++], consumer.Group, answered.Token));
                }

                var isImpatient = next < brokers.Length || without is not null;
                var atMost = isImpatient ? patience : Timeout.InfiniteTimeSpan;
                if (await FirstOfAsync(asked, atMost, cancellationToken).ConfigureAwait(false) is not { } first)
                {
                    if (next < brokers.Length)
                    {
                        continue;
                    }

                    break;
                }

                asked.Remove(first);
                try
                {
                    HashSet<string> clientIds = [.. await first.ConfigureAwait(false)];
                    if (clientIds.Contains(Client.ClientId))
                    {
                        return clientIds;
                    }

                    without ??= clientIds;
                }
                catch (RocketMQException exception)
                {
                    last = exception;
                }
            }
        }
        finally
        {
            await answered.CancelAsync().ConfigureAwait(false);
        }

        return without ?? throw new RebalanceException($"No broker could tell the members of group '{consumer.Group}'.", last);
    }

    // Those that failed last come last.
    private string[] AddressesOf(IReadOnlyList<IReadOnlyList<MessageQueue>> topics)
    {
        var brokers = topics
            .SelectMany(queues => queues)
            .Select(queue => Client.Routes.FindAddressOf(queue)?.Address)
            .OfType<string>()
            .Distinct(StringComparer.Ordinal)
            .ToArray();
        Random.Shared.Shuffle(brokers);
        var failing = Client.UnreachableBrokers.Select(server => server.Address).ToHashSet(StringComparer.Ordinal);
        return [.. brokers.OrderBy(failing.Contains)];
    }

    private async Task<Task<IReadOnlyList<string>>?> FirstOfAsync(
        List<Task<IReadOnlyList<string>>> asked,
        TimeSpan patience,
        CancellationToken cancellationToken)
    {
        try
        {
            return await Task.WhenAny(asked).WaitAsync(patience, time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            return null;
        }
    }
}
