using System.Collections.Concurrent;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>A grain storage that outlives silos, counts what it is asked for, checks ETags, and fails when told to.</summary>
internal sealed class KeptStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string Name, GrainId Grain), (object State, string ETag)> _states = new();
    private int _writes;
    private int _etags;
    private int _givenUp;

    public bool Fails { get; set; }

    public bool FailsToRead { get; set; }

    /// <summary>The states of which grains cannot be written.</summary>
    public Func<GrainId, bool>? FailsToWrite { get; set; }

    /// <summary>The states of that name cannot be read: nothing is answered.</summary>
    public string? Unanswered { get; set; }

    /// <summary>Nothing that is to be written under that name, or removed, is answered; it does not arrive either.</summary>
    public string? UnansweredWrites { get; set; }

    /// <summary>Called by each write, as one that takes time by the test's clock.</summary>
    public Action? Writing { get; set; }

    /// <summary>How many that were not answered were told by their token that nobody waits any more.</summary>
    public int GivenUp => Volatile.Read(ref _givenUp);

    /// <summary>How often anything was written or cleared, or was to be.</summary>
    public int Writes => Volatile.Read(ref _writes);

    /// <summary>How many grains have a state now.</summary>
    public int Count => _states.Count;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => ReadStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        ThrowIfTold(FailsToRead);
        await HangIfAsync(stateName == Unanswered, cancellationToken);
        if (_states.TryGetValue((stateName, grainId), out var stored))
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = ((T)stored.State, stored.ETag, true);
        }
    }

    /// <summary>The states of one type.</summary>
    public IReadOnlyDictionary<GrainId, T> All<T>() => _states.Where(state => state.Value.State is T).ToDictionary(state => state.Key.Grain, state => (T)state.Value.State);

    /// <summary>What somebody else has written before.</summary>
    public void Put(string stateName, GrainId grain, object state) => _states[(stateName, grain)] = (state, $"{Interlocked.Increment(ref _etags)}");

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => WriteStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _writes);
        Writing?.Invoke();
        ThrowIfTold(FailsToWrite?.Invoke(grainId) is true);
        await HangIfAsync(stateName == UnansweredWrites, cancellationToken);
        CheckETag(stateName, grainId, grainState);
        grainState.ETag = $"{Interlocked.Increment(ref _etags)}";
        grainState.RecordExists = true;
        _states[(stateName, grainId)] = (grainState.State!, grainState.ETag);
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
        => ClearStateAsync(stateName, grainId, grainState, CancellationToken.None);

    public async Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _writes);
        ThrowIfTold();
        await HangIfAsync(stateName == UnansweredWrites, cancellationToken);
        CheckETag(stateName, grainId, grainState);
        _states.TryRemove((stateName, grainId), out _);
        (grainState.ETag, grainState.RecordExists) = (null, false);
    }

    private async Task HangIfAsync(bool hangs, CancellationToken cancellationToken)
    {
        if (hangs)
        {
            var never = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            await using var told = cancellationToken.Register(() =>
            {
                Interlocked.Increment(ref _givenUp);
                never.SetCanceled(cancellationToken);
            });
            await never.Task;
        }
    }

    private void CheckETag<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var known = _states.TryGetValue((stateName, grainId), out var stored) ? stored.ETag : null;
        if (known != grainState.ETag)
        {
            throw new InconsistentStateException($"{stateName} of {grainId}: {grainState.ETag} is not {known}");
        }
    }

    private void ThrowIfTold(bool alsoIf = false)
    {
        if (Fails || alsoIf)
        {
            throw new InvalidOperationException("The storage is away.");
        }
    }
}
