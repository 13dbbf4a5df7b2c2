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

    public bool Fails { get; set; }

    /// <summary>The states of that name cannot be read: nothing is answered.</summary>
    public string? Unanswered { get; set; }

    /// <summary>How often anything was written or cleared, or was to be.</summary>
    public int Writes => Volatile.Read(ref _writes);

    /// <summary>How many grains have a state now.</summary>
    public int Count => _states.Count;

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        ThrowIfTold();
        if (_states.TryGetValue((stateName, grainId), out var stored))
        {
            (grainState.State, grainState.ETag, grainState.RecordExists) = ((T)stored.State, stored.ETag, true);
        }

        return stateName == Unanswered ? new TaskCompletionSource().Task : Task.CompletedTask;
    }

    /// <summary>The states of one type.</summary>
    public IReadOnlyDictionary<GrainId, T> All<T>() => _states.Where(state => state.Value.State is T).ToDictionary(state => state.Key.Grain, state => (T)state.Value.State);

    /// <summary>What somebody else has written before.</summary>
    public void Put(string stateName, GrainId grain, object state) => _states[(stateName, grain)] = (state, $"{Interlocked.Increment(ref _etags)}");

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        Interlocked.Increment(ref _writes);
        ThrowIfTold();
        CheckETag(stateName, grainId, grainState);
        grainState.ETag = $"{Interlocked.Increment(ref _etags)}";
        grainState.RecordExists = true;
        _states[(stateName, grainId)] = (grainState.State!, grainState.ETag);
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        Interlocked.Increment(ref _writes);
        ThrowIfTold();
        CheckETag(stateName, grainId, grainState);
        _states.TryRemove((stateName, grainId), out _);
        (grainState.ETag, grainState.RecordExists) = (null, false);
        return Task.CompletedTask;
    }

    private void CheckETag<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var known = _states.TryGetValue((stateName, grainId), out var stored) ? stored.ETag : null;
        if (known != grainState.ETag)
        {
            throw new InconsistentStateException($"{stateName} of {grainId}: {grainState.ETag} is not {known}");
        }
    }

    private void ThrowIfTold()
    {
        if (Fails)
        {
            throw new InvalidOperationException("The storage is away.");
        }
    }
}
