using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.GrainDirectory;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Queues;

namespace OrleansRocketMQ.Outboxes;

/// <inheritdoc cref="IOutboxIndexGrain"/>
// One for the cluster, also while silos join: see the directory.
[GrainDirectory(QueueDirectory.Name)]
internal sealed partial class OutboxIndexGrain(
    IGrainContext context, IServiceProvider services, TimeProvider time, ILogger<OutboxIndexGrain> logger) : Grain, IOutboxIndexGrain
{
    private const string StateName = "outbox";
    private const int AskedAtOnce = 32;

    // How often each grain has announced itself, so that one that does so while it is swept is not forgotten.
    private readonly Dictionary<GrainId, long> _announced = [];
    private readonly GrainState<OutboxIndexState> _state = new(new OutboxIndexState());
    private OutboxPlace _place;
    private IGrainStorage _storage = null!;
    private long _changes;
    private long _stored;
    private Task? _writing;
    private long? _sweptAt;
    private bool _isSweeping;

    public override async Task OnActivateAsync(CancellationToken cancellationToken)
    {
        _place = OutboxPlace.Of(context.GrainId.Key.ToString()!);
        _storage = services.GetKeyedService<IGrainStorage>(_place.Storage) ?? services.GetRequiredService<IGrainStorage>();
        await _storage.ReadStateAsync(StateName, context.GrainId, _state);
        foreach (var grain in _state.State!.Grains)
        {
            _announced[GrainId.Parse(grain)] = 0;
        }
    }

    public Task AddAsync(GrainId grain)
    {
        _announced[grain] = _announced.GetValueOrDefault(grain) + 1;
        return StoreAsync();
    }

    public async Task SweepAsync()
    {
        // Each silo asks for it; once in that time is enough.
        if (_isSweeping || (_sweptAt is { } last && time.GetElapsedTime(last) < OutboxSweeper.Interval / 2))
        {
            return;
        }

        (_isSweeping, _sweptAt) = (true, time.GetTimestamp());
        try
        {
            foreach (var some in _announced.ToArray().Chunk(AskedAtOnce))
            {
                var drained = await Task.WhenAll(some.Select(known => DrainAsync(known.Key)));
                var before = _announced.Count;
                foreach (var (known, _) in some.Zip(drained).Where(pair => pair.Second && _announced[pair.First.Key] == pair.First.Value))
                {
                    _announced.Remove(known.Key);
                }

                if (_announced.Count < before)
                {
                    await StoreAsync();
                }
            }
        }
        finally
        {
            _isSweeping = false;
        }
    }

    private async Task<bool> DrainAsync(GrainId grain)
    {
        try
        {
            return await GrainFactory.GetGrain(grain).AsReference<IOutboxDrain>().DrainAsync();
        }
        catch (Exception exception)
        {
            Log.NotDrained(logger, grain, exception.Message);
            return false;
        }
    }

    /// <summary>Returns once what is in memory now is stored. One write at a time, for all who wait for it.</summary>
    private async Task StoreAsync()
    {
        var wanted = ++_changes;
        while (_stored < wanted)
        {
            if (_writing is { } other)
            {
                // Whoever fails tells his own caller.
                await Task.WhenAny(other);
                continue;
            }

            _writing = WriteAsync();
            try
            {
                await _writing;
            }
            finally
            {
                _writing = null;
            }
        }
    }

    private async Task WriteAsync()
    {
        var changes = _changes;
        _state.State = new OutboxIndexState { Grains = [.. _announced.Keys.Select(grain => grain.ToString())] };
        try
        {
            await _storage.WriteStateAsync(StateName, context.GrainId, _state);
            _stored = changes;
        }
        catch
        {
            // Nobody knows whether it was written; the next activation reads it.
            DeactivateOnIdle();
            throw;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(303, LogLevel.Warning, "{Grain} could not be asked to send what it has recorded; it is asked again: {Reason}")]
        public static partial void NotDrained(ILogger logger, GrainId grain, string reason);
    }
}
