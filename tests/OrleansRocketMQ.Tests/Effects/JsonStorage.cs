using System.Collections.Concurrent;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>What a storage does when it is asked to write.</summary>
internal enum Writing
{
    /// <summary>It writes.</summary>
    Succeeds,

    /// <summary>It does not.</summary>
    Fails,

    /// <summary>It does, and nobody hears of it.</summary>
    FailsAfterwards,
}

/// <summary>A storage that keeps what was written, as text, over silos; checks versions; fails when told to. Thread-safe.</summary>
internal sealed class JsonStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string Name, GrainId Grain), (string State, string ETag)> _states = new();
    private int _etags;
    private int _writes;

    /// <summary>What becomes of a write of a state of that name.</summary>
    public Func<string, Writing> OnWrite { get; set; } = _ => Writing.Succeeds;

    public bool FailsToRead { get; set; }

    public int Writes => Volatile.Read(ref _writes);

    /// <summary>What is stored under a name, by grain key.</summary>
    public IReadOnlyDictionary<string, T> All<T>(string name) => _states.Where(state => state.Key.Name == name)
        .ToDictionary(state => state.Key.Grain.Key.ToString()!, state => JsonSerializer.Deserialize<T>(state.Value.State)!);

    /// <summary>Makes it the storage of a silo.</summary>
    public void Keep(RocketMQBuilder builder)
        => builder.Services.AddSingleton<IGrainStorage>(this).AddKeyedSingleton<IGrainStorage>("Default", this);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (FailsToRead)
        {
            throw new InvalidOperationException("The storage is away.");
        }

        (grainState.State, grainState.ETag, grainState.RecordExists) = _states.TryGetValue((stateName, grainId), out var stored)
            ? (JsonSerializer.Deserialize<T>(stored.State)!, stored.ETag, true)
            : (Activator.CreateInstance<T>(), null, false);
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var outcome = OnWrite(stateName);
        if (outcome == Writing.Fails)
        {
            throw new InvalidOperationException("The storage is away.");
        }

        Interlocked.Increment(ref _writes);
        CheckVersion(stateName, grainId, grainState);
        var written = (JsonSerializer.Serialize(grainState.State), $"{Interlocked.Increment(ref _etags)}");
        _states[(stateName, grainId)] = written;
        if (outcome == Writing.FailsAfterwards)
        {
            throw new TimeoutException("The storage does not answer.");
        }

        (grainState.ETag, grainState.RecordExists) = (written.Item2, true);
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        CheckVersion(stateName, grainId, grainState);
        _states.TryRemove((stateName, grainId), out _);
        (grainState.ETag, grainState.RecordExists) = (null, false);
        return Task.CompletedTask;
    }

    private void CheckVersion<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        if (_states.GetValueOrDefault((stateName, grainId)).ETag != grainState.ETag)
        {
            throw new InconsistentStateException($"{stateName} of {grainId} was written by somebody else");
        }
    }
}

/// <summary>A state as a grain has it, without a grain.</summary>
internal sealed class JsonState<T>(JsonStorage storage, string name) : IPersistentState<T>
    where T : new()
{
    private readonly GrainId _grain = GrainId.Create("account", "alice");
    private readonly GrainState<T> _state = new(new T());

    public T State
    {
        get => _state.State!;
        set => _state.State = value;
    }

    public string Etag => _state.ETag!;

    public bool RecordExists => _state.RecordExists;

    public Task ReadStateAsync() => storage.ReadStateAsync(name, _grain, _state);

    public Task WriteStateAsync() => storage.WriteStateAsync(name, _grain, _state);

    public Task ClearStateAsync() => storage.ClearStateAsync(name, _grain, _state);
}
