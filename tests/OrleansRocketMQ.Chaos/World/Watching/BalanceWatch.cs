using System.Diagnostics;
using System.Text.Json;
using OrleansRocketMQ.Chaos.Checking;

namespace OrleansRocketMQ.Chaos.World.Watching;

/// <summary>How long it takes until the queues of all groups are shared out again, by what a silo's dashboard shows.</summary>
/// <param name="silos">The silos.</param>
/// <param name="queues">How many queues each topic has.</param>
/// <param name="pops">Whether every silo reads all queues of the group in any order, so that there is nothing to share.</param>
/// <param name="hasJava">Whether a member of that group is no silo.</param>
internal sealed class BalanceWatch(SiloFleet silos, IReadOnlyDictionary<string, int> queues, bool pops, bool hasJava)
{
    /// <summary>Brokers list a member that has died without a word for 130 s, and members ask them every 20 s.</summary>
    public static readonly TimeSpan Most = TimeSpan.FromSeconds(150);

    /// <returns>How long, and what is not as it should be at the end of <see cref="Most"/>.</returns>
    public async Task<(TimeSpan Took, string? Wrong)> UntilBalancedAsync()
    {
        var begun = Stopwatch.GetTimestamp();
        while (true)
        {
            var wrong = await WrongAsync();
            var took = Stopwatch.GetElapsedTime(begun);
            if (wrong is null || took > Most)
            {
                return (took, wrong);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private async Task<string?> WrongAsync()
    {
        var running = silos.Running;
        if (running.Count == 0)
        {
            return "no silo runs";
        }

        using var who = new Operator(running[0]);
        foreach (var (group, topic) in RoundTopics.TopicsOfGroups.Where(pair => !pops || pair.Key != RoundTopics.Any))
        {
            try
            {
                var shown = await who.GroupAsync(group);
                var names = shown.GetProperty("silos").EnumerateArray().Select(silo => Operator.TextOf(silo, "name")).ToList();
                var of = Operator.QueuesOf(shown).Where(queue => queue.Topic == topic).ToList();
                if (Balance.Of(names, running.Count, of, queues[topic], group == RoundTopics.Any && hasJava ? 1 : 0) is { } wrong)
                {
                    return $"{group}: {wrong}";
                }
            }
            catch (Exception exception) when (exception is HttpRequestException or JsonException or InvalidOperationException or KeyNotFoundException or TaskCanceledException)
            {
                return $"{group}: a dashboard says: {exception.Message}";
            }
        }

        return null;
    }
}
