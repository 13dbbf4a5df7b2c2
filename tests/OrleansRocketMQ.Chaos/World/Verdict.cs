using System.Diagnostics;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.World.Stores;
using OrleansRocketMQ.Chaos.World.Watching;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>Waits at the end of a round until all is as it should be, and says what is not.</summary>
/// <param name="silos">The silos.</param>
/// <param name="load">What was sent.</param>
/// <param name="offsets">What brokers say.</param>
/// <param name="store">Where effects are.</param>
/// <param name="hasJava">Whether a member in Java is in the group in any order, for which poison is a message like others.</param>
internal sealed class Verdict(SiloFleet silos, Load load, OffsetWatch offsets, IRoundStore store, bool hasJava)
{
    /// <summary>After the last fault is over: what is late then is lost.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(120);

    /// <summary>
    /// What a silo may have in memory at the end of a round, in MiB: three times what one had that nothing happened to. A leak of
    /// a minute does not show in less; the soak looks for slopes.
    /// </summary>
    private const long MostMemory = 768;

    private readonly List<string> _complaints = [];

    /// <summary>What must not be. After <see cref="SayAsync"/>.</summary>
    public IReadOnlyList<string> Complaints => _complaints;

    /// <param name="balancing">How long it takes until queues are shared out.</param>
    /// <param name="struck">What happened.</param>
    public async Task<(RoundCheck Check, RoundFigures Figures)> SayAsync(
        Task<(TimeSpan Took, string? Wrong)> balancing, IReadOnlyList<StruckFault> struck)
    {
        var (check, effects, alive, settled) = await SettleAsync();
        var (balanced, wrong) = await balancing;
        await offsets.StopAsync();
        var repeats = Repeats.Of(check.Repeated, struck, record => load.MayBeTwice(record.Group, record.Key, record.Number));
        var memory = silos.Running.Select(MemoryOf).DefaultIfEmpty().Max();
        _complaints.AddRange(check.Complaints());
        _complaints.AddRange(effects.Complaints);
        _complaints.AddRange(repeats.Complaints());
        if (alive > 0)
        {
            _complaints.Add($"{alive} messages were given up and are not among the dead letters");
        }

        _complaints.AddRange(offsets.History.StepsBack.Select(step => $"an offset went back: {step}"));
        if (wrong is not null)
        {
            _complaints.Add($"queues are not shared out {BalanceWatch.Most.TotalSeconds:0} s after the last fault: {wrong}");
        }

        if (memory > MostMemory)
        {
            _complaints.Add($"a silo has {memory} MiB, of {MostMemory} at most");
        }

        return (check, new(settled, balanced, effects.Effects, repeats, offsets.History, memory));
    }

    private async Task<(RoundCheck Check, EffectCheck Effects, long Alive, TimeSpan Settled)> SettleAsync()
    {
        var stopped = Stopwatch.GetTimestamp();
        var messages = await offsets.MessagesOfAsync(RoundTopics.ByKey);
        while (true)
        {
            var check = RoundCheck.Of(silos.Records, load.Sent);
            var stored = await store.RecordsWithAsync(StoredEffect.Mark);
            var effects = EffectCheck.Of([.. stored.Select(StoredEffect.Read)], load.Sent, messages);
            var alive = hasJava ? 0 : load.Sent[(RoundTopics.Any, Load.Poison)] - await offsets.DeadLettersOfAsync(RoundTopics.Any);
            var settled = Stopwatch.GetElapsedTime(stopped);
            if ((check.Lost.Count == 0 && effects.Complaints.Count == 0 && alive <= 0) || settled > s_patience)
            {
                return (check, effects, alive, settled);
            }

            await Task.Delay(TimeSpan.FromMilliseconds(500));
        }
    }

    private static long MemoryOf(StartedSilo silo)
    {
        if (silo.Program.HasEnded)
        {
            return 0;
        }

        using var process = Process.GetProcessById(silo.Program.Id);
        return process.WorkingSet64 / 1024 / 1024;
    }
}
