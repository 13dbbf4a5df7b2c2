using System.Collections.Concurrent;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Finds a silo that has a group: this one, else the one that had it last, else all active ones are asked. So a group can be
/// managed from silos that know nothing of it. Thread-safe.
/// </summary>
internal sealed class GroupSilos(
    IGrainFactory grains,
    IClusterMembershipService membership,
    ILocalSiloDetails local,
    ConsumerRegistry running,
    RocketMQConsumers configured,
    TimeProvider time)
{
    // A silo that has just died is asked too; it must not make who waits for the others wait as long as a call may take.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly ConcurrentDictionary<string, SiloAddress> _known = new(StringComparer.Ordinal);

    /// <summary>A silo that ran the group when last heard of; null when none is known.</summary>
    public SiloAddress? Guess(string group) => running.Find(group) is not null ? local.SiloAddress : _known.GetValueOrDefault(group);

    /// <summary>The group does not run on that silo any more.</summary>
    public void Forget(string group, SiloAddress silo) => _known.TryRemove(new(group, silo));

    /// <summary>The group as a silo sees it.</summary>
    public IConsumerGroupOnSiloGrain On(SiloAddress silo, string group)
        => grains.GetGrain<IConsumerGroupOnSiloGrain>(GroupOnSiloKey.Of(group, silo));

    /// <summary>A silo where the group is configured, this one if possible: whether it runs there does not matter.</summary>
    public Task<GroupPlace> FindConfiguredAsync(string group) => configured.Find(group) is not null
        ? Task.FromResult(new GroupPlace(group, GroupPresence.Stopped, local.SiloAddress, []))
        : FindAsync(group);

    /// <summary>A silo that runs the group, else one where it is configured.</summary>
    public async Task<GroupPlace> FindAsync(string group)
    {
        var place = await AskAsync(new(group, GroupPresence.None, null, []), Active()).ConfigureAwait(false);
        if (place.Presence != GroupPresence.Running)
        {
            // Perhaps a silo has joined of which this one has not heard.
            var asked = Active();
            await membership.Refresh().ConfigureAwait(false);
            place = await AskAsync(place, [.. Active().Except(asked)]).ConfigureAwait(false);
        }

        if (place is { Presence: GroupPresence.Running, Silo: { } silo })
        {
            _known[group] = silo;
        }
        else
        {
            _known.TryRemove(group, out _);
        }

        return place;
    }

    private SiloAddress[] Active()
        =>
        [
            .. membership.CurrentSnapshot.Members.Values
                .Where(member => member.Status == SiloStatus.Active)
                .Select(member => member.SiloAddress),
        ];

    private async Task<GroupPlace> AskAsync(GroupPlace best, SiloAddress[] silos)
    {
        await foreach (var answered in Task.WhenEach(silos.Select(silo => AskAsync(best.Group, silo))).ConfigureAwait(false))
        {
            var (silo, presence) = await answered.ConfigureAwait(false);
            best = presence is null ? best with { Silent = [.. best.Silent, silo] }
                : presence > best.Presence ? best with { Presence = presence.Value, Silo = silo }
                : best;
            if (best.Presence == GroupPresence.Running)
            {
                break;
            }
        }

        return best;
    }

    private async Task<(SiloAddress Silo, GroupPresence? Presence)> AskAsync(string group, SiloAddress silo)
    {
        try
        {
            return (silo, await On(silo, group).GetPresenceAsync().WaitAsync(Patience, time).ConfigureAwait(false));
        }
        catch (Exception exception) when (exception is SiloHasNoConsumersException or KeyNotFoundException)
        {
            // On a silo without AddRocketMQ() Orleans knows no way to place the grain, and says so by the second.
            return (silo, GroupPresence.None);
        }
#pragma warning disable CA1031 // Whatever keeps one silo from answering, the others are asked all the same.
        catch (Exception)
#pragma warning restore CA1031
        {
            return (silo, null);
        }
    }
}

/// <summary>Where a group was found.</summary>
/// <param name="Group">The group.</param>
/// <param name="Presence">What the silo has of it.</param>
/// <param name="Silo">The silo; null when it is configured nowhere.</param>
/// <param name="Silent">Silos that could not be asked.</param>
internal sealed record GroupPlace(string Group, GroupPresence Presence, SiloAddress? Silo, IReadOnlyList<SiloAddress> Silent)
{
    /// <summary>Says why something cannot be done: nobody runs, or nobody has, the group.</summary>
    public ConsumerStateException Refuse(string operation)
    {
        var where = Silent.Count == 0
            ? "any silo of the cluster"
            : $"any silo of the cluster that answers; {string.Join(", ", Silent.Select(silo => silo.ToParsableString()))} did not";
        return new(Group, $"{(Silo is null ? "not configured" : "stopped, not running")} on {where}", operation);
    }
}
