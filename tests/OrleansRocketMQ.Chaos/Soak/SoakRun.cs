using System.Diagnostics;
using System.Net;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.Chaos.World.Stores;

namespace OrleansRocketMQ.Chaos.Soak;

/// <summary>One soak: three silos over Redis, brokers in a process of their own, and nothing that goes wrong.</summary>
internal sealed class SoakRun(TimeSpan lasts, string folder)
{
    private const int Silos = 3;
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan MoveEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly RedisStore _store = new();
    private readonly Links _links = new();
    private readonly BrokerProcess _brokers = new(Path.Join(folder, "store"));
    private int _moves;

    public async Task<(List<string> Lines, List<string> Complaints)> RunAsync()
    {
        await _store.StartAsync();
        try
        {
            await using var links = _links;
            await using var brokers = _brokers;
            await _brokers.StartAsync();
            _links.Open([.. _brokers.Ports]);
            await using var fleet = new SiloFleet(folder, _store.SettingsAt(IPAddress.Loopback), _brokers.NameServer, RoundTopics.All, [], _links);
            var silos = await Task.WhenAll(Enumerable.Range(1, Silos).Select(_ => fleet.StartAsync()));
            await using var load = new Load(_brokers.NameServer);
            var samples = await SampleAsync(silos);
            await load.StopAsync();
            var check = await ConsumeRestAsync(fleet, load);
            var figures = SoakFigures.Of(samples, lasts);
            figures.Lines.Add(string.Empty);
            figures.Lines.AddRange(LatencyOf(fleet, load));
            figures.Lines.Add(FormattableString.Invariant(
                $"{load.Sent.Values.Sum()} messages sent, {check.Consumed} consumed, {check.Again} of them again ({load.Repeated} sends were repeated), {_moves} queues moved."));
            return (figures.Lines, [.. figures.Complaints, .. ComplaintsOf(check, fleet)]);
        }
        finally
        {
            await _store.DisposeAsync();
        }
    }

    private async Task<List<SoakSample>> SampleAsync(StartedSilo[] silos)
    {
        var samples = new List<SoakSample>();
        var (begun, nextMove) = (Stopwatch.GetTimestamp(), MoveEvery);
        while (Stopwatch.GetElapsedTime(begun) is var elapsed && elapsed < lasts)
        {
            samples.AddRange(await Task.WhenAll(silos.Select(silo => SoakSample.TakeAsync(silo, elapsed))));
            if (elapsed >= nextMove)
            {
                nextMove += MoveEvery;
                await MoveAsync(silos);
            }

            await Task.Delay(SampleEvery);
        }

        return samples;
    }

    /// <summary>A queue of each group goes to another silo, and what was moved before goes back to where the strategy wants it.</summary>
    private async Task MoveAsync(StartedSilo[] silos)
    {
        using var who = new Operator(silos[_moves % Silos]);
        foreach (var group in RoundTopics.All)
        {
            var queues = Operator.QueuesOf(await who.GroupAsync(group)).Where(queue => queue.Topic == group).ToList();
            foreach (var moved in queues.Where(queue => queue.IsPinned))
            {
                await who.ActAsync(group, "release", new { topic = moved.Topic, broker = moved.Broker, queueId = moved.QueueId });
            }

            var queue = queues[_moves % queues.Count];
            var silo = queues.First(other => other.Silo != queue.Silo).Silo;
            await who.ActAsync(group, "move", new { topic = queue.Topic, broker = queue.Broker, queueId = queue.QueueId, silo });
            _moves++;
        }
    }

    private static async Task<RoundCheck> ConsumeRestAsync(SiloFleet fleet, Load load)
    {
        var stopped = Stopwatch.GetTimestamp();
        RoundCheck check;
        do
        {
            await Task.Delay(TimeSpan.FromSeconds(1));
            check = RoundCheck.Of(fleet.Records, load.Sent);
        }
        while (check.Lost.Count > 0 && Stopwatch.GetElapsedTime(stopped) < Patience);
        return check;
    }

    private static IEnumerable<string> ComplaintsOf(RoundCheck check, SiloFleet fleet) =>
    [
        .. check.Lost.Count > 0 ? [$"{check.Lost.Count} messages are lost, such as {string.Join(", ", check.Lost.Take(5))}"] : Array.Empty<string>(),
        .. check.OutOfOrder.Count > 0 ? [$"{check.OutOfOrder.Count} messages out of order"] : Array.Empty<string>(),
        .. fleet.TakeEnded().Select(silo => $"a silo has ended by itself: {silo.Program.Everything}"),
    ];

    private static IEnumerable<string> LatencyOf(SiloFleet fleet, Load load)
    {
        var times = fleet.Records.SelectMany(RoundRecord.Read)
            .Select(record => (record.At, Late: Stopwatch.GetElapsedTime(load.SentAt(record.Group, record.Key, record.Number), record.At).TotalMilliseconds))
            .OrderBy(time => time.At).Select(time => time.Late).ToArray();
        foreach (var (half, name) in new[] { (times[..(times.Length / 2)], "first"), (times[(times.Length / 2)..], "second") })
        {
            Array.Sort(half);
            yield return FormattableString.Invariant(
                $"From a send to its listener, {name} half: median {half[half.Length / 2]:0.0} ms, 99 % within {half[(int)(half.Length * 0.99)]:0.0} ms.");
        }
    }
}
