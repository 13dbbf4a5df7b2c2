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
    public Task<GroupSettings> AskAsync(string group) => _groups.GetOrAdd(group, name => new(() => AskGrainAsync(name))).AskAsync();

    private Task<GroupSettings> AskGrainAsync(string group)
        => grains.GetGrain<IGroupSettingsGrain>(group).GetAsync().WaitAsync(Longest, time);

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
                // Not in the turn of the grain that happens to be the first.
                return _next ??= _underWay.ContinueWith(
                    _ => AskNowAsync(), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default).Unwrap();
            }
        }

        private Task<GroupSettings> AskNowAsync()
        {
            lock (_gate)
            {
                (_underWay, _next) = (_next!, null);
            }

            return ask();
        }
    }
}
