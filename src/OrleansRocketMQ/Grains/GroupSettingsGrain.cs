using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IGroupSettingsGrain"/>
// One for the cluster, also while silos join: see the directory.
[GrainDirectory(QueueDirectory.Name)]
internal sealed partial class GroupSettingsGrain(
    [PersistentState("flow", StateStorage.ProviderName)] IPersistentState<GroupSettingsState> state,
    IClusterMembershipService membership,
    TimeProvider time,
    ILogger<GroupSettingsGrain> logger) : Grain, IGroupSettingsGrain
{
    // A silo that was missed three times has gone.
    private static readonly TimeSpan Expiry = 4 * GroupAgent.JoinInterval;
    private static readonly TimeSpan TellTimeout = TimeSpan.FromSeconds(3);

    // Below the time in which a call of Orleans must be answered, so that who asked is told what is wrong.
    private static readonly TimeSpan StorageTimeout = TimeSpan.FromSeconds(10);

    // Circuit breakers are in force without being stored, and stopped queues stand still where they are: nobody waits long for it,
    // nor again and again.
    private static readonly TimeSpan ShortStorageTimeout = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan StoreAgainAfter = TimeSpan.FromSeconds(5);

    private readonly Dictionary<string, (IGroupAgent Agent, long SeenAt)> _silos = new(StringComparer.Ordinal);

    private readonly GroupBreakers _breakers = new();

    private GroupSettings? _settings;

    // Whether circuit breakers have changed since the last write, and when the storage last did not take anything.
    private bool _isUnstored;
    private long? _storeFailedAt;

    private string Group => this.GetPrimaryKeyString();

    private GroupSettings Settings => _settings ??= state.State.ToSettings();

    private bool HasJustFailed => _storeFailedAt is { } failed && time.GetElapsedTime(failed) < StoreAgainAfter;

    private FlowSettings Flow => Settings.Flow;

    private PlacementSettings Placement => Settings.Placement;

    public async Task<GroupSettings> JoinAsync(string silo, IGroupAgent agent, GroupSettings? known)
    {
        _silos[silo] = (agent, time.GetTimestamp());
        if (known is not null && (known.Flow.Version > Flow.Version || known.Placement.Version > Placement.Version))
        {
            Log.LearnedBack(logger, Group, silo, Math.Max(known.Flow.Version, known.Placement.Version));
            await StoreAsync(new(
                known.Flow.Version > Flow.Version ? known.Flow : Flow,
                known.Placement.Version > Placement.Version ? known.Placement : Placement));
        }

        return Settings;
    }

    public Task<GroupSettings?> JoinWithVersionsAsync(string silo, IGroupAgent agent, long flow, long placement)
    {
        _silos[silo] = (agent, time.GetTimestamp());
        return Task.FromResult(flow == Flow.Version && placement == Placement.Version ? null : Settings);
    }

    public Task LeaveAsync(string silo)
    {
        _silos.Remove(silo);
        return Task.CompletedTask;
    }

    public Task<GroupSettings> GetAsync() => Task.FromResult(Settings);

    public Task<FlowSettings> PauseAsync(ConsumerScope scope) => ChangeAsync(Flow.Pause(scope), $"pause {scope}");

    // First they forget what has failed before, then they go on: what stops from then on is news.
    public Task<FlowSettings> ResumeAsync(ConsumerScope scope)
        => ChangeAsync(Flow.Resume(scope), $"resume {scope}", agent => agent.RecoverAsync(scope));

    public Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond)
    {
        var limit = messagesPerSecond?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "any number of";
        return ChangeAsync(Flow.LimitRate(topic, messagesPerSecond), $"limit {topic} to {limit} messages a second");
    }

    public Task<FlowSettings> MarkSeekAsync(ConsumerScope scope, bool effectsAgain) => ChangeAsync(
        Flow.Moved(scope, effectsAgain, Newer(Flow.Version + 1)),
        $"{scope} is read from another place, {(effectsAgain ? "effects run again" : "effects do not run again")}");

    public Task<GroupSettings> PinAsync(MessageQueue queue, string? silo) => silo is null
        ? ChangeAsync(Placement.Unpin(queue), $"{queue} is where the strategy wants it")
        : ChangeAsync(Placement.Pin(queue, silo), $"{queue} is pinned to silo {silo}");

    public async Task<GroupSettings> DrainAsync(string silo, IReadOnlyList<string> members)
    {
        // Here, where drains come one after the other: two at once must not leave nobody.
        var left = members.Except(Placement.Drained).Except([silo]).ToArray();
        return left.Length > 0
            ? await ChangeAsync(Placement.Drain(silo), $"silo {silo} is drained")
            : throw new ConsumerStateException(Group, "run by no other silo that may have queues", $"drain {silo}");
    }

    public Task<GroupSettings> RestoreAsync(string silo) => ChangeAsync(Placement.Restore(silo), $"silo {silo} may have queues again");

    public async Task<List<SiloReport>> DescribeAsync()
    {
        var reports = new List<SiloReport>();
        await TellAsync(async agent =>
        {
            // In turns of this grain, one after the other.
            reports.Add(await agent.DescribeAsync());
        });
        return reports;
    }

    public async Task ReportOutcomesAsync(
        List<TopicOutcomes> outcomes, BreakerSettings settings, List<BreakerStatus> decided)
    {
        _breakers.TakeOver(decided);
        if (_breakers.Take(outcomes, settings, Flow.Breakers, time.GetUtcNow()) is { } open)
        {
            // In force before it is stored: it need not survive what it is for. What operators have set stays as it is stored.
            _settings = Settings with { Flow = Flow with { Breakers = open, Version = Newer(Flow.Version + 1) } };
            _isUnstored = true;
            Log.Changed(logger, Group, open.Count == 0 ? "all circuit breakers are closed" : string.Join("; ", open));
            await TellAsync(agent => agent.ApplyAsync(Settings));
        }

        await StoreBreakersAsync();
    }

    private async Task StoreBreakersAsync()
    {
        if (!_isUnstored || HasJustFailed)
        {
            return;
        }

        try
        {
            await StoreAsync(Settings, ShortStorageTimeout);
        }
        catch (Exception exception)
        {
            Log.BreakersNotStored(logger, Group, exception.Message);
        }
    }

    public Task StopQueueAsync(StoppedQueue stop) => ChangeSoonAsync(Flow.Stop(stop), $"{stop.Queue} stands still. {stop}");

    public Task LiftStopAsync(StoppedQueue stop) => Flow.StopOf(stop.Queue) == stop
        ? ChangeSoonAsync(Flow.Without(stop), $"{stop.Queue} goes on")
        : Task.CompletedTask;

    // Several silos ask for it, again and again until it is done: they must not keep the group's other commands waiting.
    private Task<FlowSettings> ChangeSoonAsync(FlowSettings changed, string what)
        => HasJustFailed && !ReferenceEquals(changed, Flow)
            ? throw new TimeoutException("The storage of the group's settings has just failed; it is tried again in a moment.")
            : ChangeAsync(changed, what, limit: ShortStorageTimeout);

    private async Task<FlowSettings> ChangeAsync(
        FlowSettings changed, string what, Func<IGroupAgent, Task>? first = null, TimeSpan? limit = null)
    {
        if (!ReferenceEquals(changed, Flow))
        {
            await StoreAsync(Settings with { Flow = changed with { Version = Newer(changed.Version) } }, limit);
            Log.Changed(logger, Group, what);
        }

        if (first is not null)
        {
            await TellAsync(first);
        }

        await TellAsync(agent => agent.ApplyAsync(Settings));
        return Flow;
    }

    private async Task<GroupSettings> ChangeAsync(PlacementSettings changed, string what)
    {
        if (!ReferenceEquals(changed, Placement))
        {
            await membership.Refresh();
            changed = changed.Without(IsGone);
            await StoreAsync(Settings with { Placement = changed with { Version = Newer(changed.Version) } });
            Log.Changed(logger, Group, what);
        }

        await TellAsync(agent => agent.ApplyAsync(Settings));
        return Settings;
    }

    private bool IsGone(string silo)
        => !membership.CurrentSnapshot.Members.TryGetValue(SiloAddress.FromParsableString(silo), out var member)
            || member.Status == SiloStatus.Dead;

    // Of the clock, so that a change after a loss of the storage is still newer than what silos remember.
    private long Newer(long version) => Math.Max(version, time.GetUtcNow().ToUnixTimeMilliseconds());

    private async Task StoreAsync(GroupSettings settings, TimeSpan? limit = null)
    {
        var before = state.State;
        state.State = GroupSettingsState.Of(settings);
        try
        {
            // One that never answers must not keep all other commands of the group waiting.
            await StorageTime.LimitAsync(state.WriteStateAsync, limit ?? StorageTimeout, SiloRuntime.Of(time), CancellationToken.None);
            (_settings, _isUnstored, _storeFailedAt) = (settings, false, null);
        }
        catch
        {
            // What is not stored is not in force.
            state.State = before;
            _storeFailedAt = time.GetTimestamp();
            throw;
        }
    }

    private Task TellAsync(Func<IGroupAgent, Task> tell)
    {
        foreach (var (silo, entry) in _silos)
        {
            if (time.GetElapsedTime(entry.SeenAt) > Expiry)
            {
                _silos.Remove(silo);
            }
        }

        return Task.WhenAll(_silos.ToArray().Select(silo => TellOneAsync(silo.Key, silo.Value.Agent, tell)));
    }

    private async Task TellOneAsync(string silo, IGroupAgent agent, Func<IGroupAgent, Task> tell)
    {
        try
        {
            await tell(agent).WaitAsync(TellTimeout, time);
        }
        catch (Exception exception)
        {
            // It asks by itself soon, if it lives.
            Log.NotTold(logger, Group, silo, exception.Message);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(261, LogLevel.Information, "Group {Group}: {What}")]
        public static partial void Changed(ILogger logger, string group, string what);

        [LoggerMessage(
            262,
            LogLevel.Warning,
            "Group {Group}: silo {Silo} could not be told of its settings and has to ask for them: {Reason}")]
        public static partial void NotTold(ILogger logger, string group, string silo, string reason);

        [LoggerMessage(
            402,
            LogLevel.Warning,
            "Group {Group}: its circuit breakers could not be stored; they are in force as they are, and it is tried again: {Reason}")]
        public static partial void BreakersNotStored(ILogger logger, string group, string reason);

        [LoggerMessage(
            263,
            LogLevel.Warning,
            "Group {Group}: silo {Silo} knows newer settings (version {Version}) than the storage; they are kept")]
        public static partial void LearnedBack(ILogger logger, string group, string silo, long version);
    }
}
