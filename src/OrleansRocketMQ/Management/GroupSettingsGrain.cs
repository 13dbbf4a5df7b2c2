using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Management;

/// <inheritdoc cref="IGroupSettingsGrain"/>
internal sealed partial class GroupSettingsGrain(
    [PersistentState("flow", StateStorage.ProviderName)] IPersistentState<GroupSettingsState> state,
    TimeProvider time,
    ILogger<GroupSettingsGrain> logger) : Grain, IGroupSettingsGrain
{
    /// <summary>How often silos make themselves known.</summary>
    public static readonly TimeSpan JoinInterval = TimeSpan.FromSeconds(5);

    // A silo that was missed three times has gone.
    private static readonly TimeSpan Expiry = 4 * JoinInterval;
    private static readonly TimeSpan TellTimeout = TimeSpan.FromSeconds(3);

    private readonly Dictionary<string, (IGroupAgent Agent, long SeenAt)> _silos = new(StringComparer.Ordinal);

    private string Group => this.GetPrimaryKeyString();

    private FlowSettings Settings => state.State.Flow;

    public async Task<FlowSettings> JoinAsync(string silo, IGroupAgent agent, FlowSettings? known)
    {
        _silos[silo] = (agent, time.GetTimestamp());
        if (known?.Version > Settings.Version)
        {
            Log.LearnedBack(logger, Group, silo, known.Version);
            await StoreAsync(known);
        }

        return Settings;
    }

    public Task LeaveAsync(string silo)
    {
        _silos.Remove(silo);
        return Task.CompletedTask;
    }

    public Task<FlowSettings> GetAsync() => Task.FromResult(Settings);

    public Task<FlowSettings> PauseAsync(ConsumerScope scope) => ChangeAsync(Settings.Pause(scope), $"pause {scope}");

    public async Task<FlowSettings> ResumeAsync(ConsumerScope scope)
    {
        var settings = await ChangeAsync(Settings.Resume(scope), $"resume {scope}");
        await TellAsync(agent => agent.RecoverAsync(scope));
        return settings;
    }

    public Task<FlowSettings> LimitRateAsync(string topic, double? messagesPerSecond)
        => ChangeAsync(Settings.LimitRate(topic, messagesPerSecond), $"limit {topic} to {messagesPerSecond?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "any number of"} messages a second");

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

    private async Task<FlowSettings> ChangeAsync(FlowSettings changed, string what)
    {
        if (!ReferenceEquals(changed, Settings))
        {
            // Of the clock, so that a change after a loss of the storage is still newer than what silos remember.
            await StoreAsync(changed with { Version = Math.Max(changed.Version, time.GetUtcNow().ToUnixTimeMilliseconds()) });
            Log.Changed(logger, Group, what);
        }

        await TellAsync(agent => agent.ApplyAsync(Settings));
        return Settings;
    }

    private async Task StoreAsync(FlowSettings settings)
    {
        var before = state.State.Flow;
        state.State.Flow = settings;
        try
        {
            await state.WriteStateAsync();
        }
        catch
        {
            // What is not stored is not in force.
            state.State.Flow = before;
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
        [LoggerMessage(161, LogLevel.Information, "Group {Group}: {What}")]
        public static partial void Changed(ILogger logger, string group, string what);

        [LoggerMessage(162, LogLevel.Warning, "Group {Group}: silo {Silo} could not be told of its settings and has to ask for them: {Reason}")]
        public static partial void NotTold(ILogger logger, string group, string silo, string reason);

        [LoggerMessage(163, LogLevel.Warning, "Group {Group}: silo {Silo} knows newer settings (version {Version}) than the storage; they are kept")]
        public static partial void LearnedBack(ILogger logger, string group, string silo, long version);
    }
}

/// <summary>What is stored of a group's run-time settings.</summary>
[GenerateSerializer]
[Alias("OrleansRocketMQ.GroupSettingsState")]
internal sealed class GroupSettingsState
{
    [Id(0)]
    public FlowSettings Flow { get; set; } = FlowSettings.None;
}
