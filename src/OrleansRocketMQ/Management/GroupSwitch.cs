using Orleans;
using Orleans.Runtime;

namespace OrleansRocketMQ.Management;

/// <summary>Starts and stops a group on all silos of the cluster at once.</summary>
internal sealed class GroupSwitch(IGrainFactory grains, IClusterMembershipService membership)
{
    /// <returns>The silos where the group is configured.</returns>
    /// <exception cref="RocketMQException">It failed on a silo, while the others did what they were told.</exception>
    /// <exception cref="ConsumerStateException">It is configured on none.</exception>
    public async Task<IReadOnlyList<string>> SwitchAsync(string group, bool on)
    {
        await membership.Refresh().ConfigureAwait(false);
        var active = membership.CurrentSnapshot.Members.Values
            .Where(member => member.Status == SiloStatus.Active)
            .Select(member => member.SiloAddress);
        var results = await Task.WhenAll(active.Select(silo => SwitchAsync(group, silo, on))).ConfigureAwait(false);
        var configured = results.Where(result => result.IsConfigured).ToArray();
        var failed = configured.Where(result => result.Error is not null).ToArray();
        if (failed.Length > 0)
        {
            var reasons = string.Join("; ", failed.Select(result => $"silo {result.Silo}: {result.Error!.Message}"));
            throw on
                ? new ConsumerStartException(group, reasons, failed[0].Error)
                : new ConsumerShutdownException(group, reasons, failed[0].Error);
        }

        return configured.Length > 0
            ? [.. configured.Select(result => result.Silo).Order(StringComparer.Ordinal)]
            : throw new ConsumerStateException(group, "not configured on any silo", on ? "be started" : "be stopped");
    }

    private async Task<Result> SwitchAsync(string group, SiloAddress silo, bool on)
    {
        var name = silo.ToParsableString();
        try
        {
            var grain = grains.GetGrain<IConsumerSwitchGrain>(GroupOnSiloKey.Of(group, silo));
            return new(name, await grain.SwitchAsync(on).ConfigureAwait(false), null);
        }
        catch (Exception exception) when (exception is SiloHasNoConsumersException or KeyNotFoundException)
        {
            // On a silo without AddRocketMQ() Orleans knows no way to place the grain, and says so by the second.
            return new(name, IsConfigured: false, null);
        }
        catch (Exception exception) when (exception is RocketMQException or OrleansException or TimeoutException)
        {
            return new(name, IsConfigured: true, exception);
        }
    }

    private sealed record Result(string Silo, bool IsConfigured, Exception? Error);
}
