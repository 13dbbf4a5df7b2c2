using System.Collections.Concurrent;
using Orleans;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Asks for the settings of groups as they are now. All who ask before a question goes out share it, so that a thousand queues that
/// start on a silo put a few questions to the one grain that all silos ask. Thread-safe.
/// </summary>
internal sealed class SettingsQuestions(IGrainFactory grains, TimeProvider time)
{
    // Who asks goes on with what is known.
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(1);

    private readonly ConcurrentDictionary<string, OfGroup> _groups = new(StringComparer.Ordinal);

    /// <exception cref="TimeoutException">They are away.</exception>
    public Task<GroupSettings> AskAsync(string group)
        => _groups.GetOrAdd(group, name => new(() => grains.GetGrain<IGroupSettingsGrain>(name).GetAsync().WaitAsync(Longest, time))).AskAsync();

    private sealed class OfGroup(Func<Task<GroupSettings>> ask)
    {
        private readonly Lock _gate = new();
        private Task _underWay = Task.CompletedTask;
        private Task<GroupSettings>? _next;

        public Task<GroupSettings> AskAsync()
        {
            lock (_gate)
            {
                // One that is under way may have been answered before what who asks wants to know.
                return _next ??= AskAfterAsync(_underWay);
            }
        }

        private async Task<GroupSettings> AskAfterAsync(Task before)
        {
            await before.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ForceYielding);
            lock (_gate)
            {
                (_underWay, _next) = (_next!, null);
            }

            return await ask().ConfigureAwait(false);
        }
    }
}
