using System.Collections.Concurrent;
using Orleans;
using Orleans.Concurrency;
using Orleans.Runtime;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Dispatch;

/// <summary>Calls of listeners that one silo makes, as the listeners' silos reach them.</summary>
[Alias("OrleansRocketMQ.ICallRenewals")]
internal interface ICallRenewals : IGrainObserver
{
    /// <summary>A call has its time anew. When word is lost, or comes too late, it has not.</summary>
    /// <param name="slot">Who makes the call.</param>
    /// <param name="number">Which of its calls it is.</param>
    [OneWay]
    [Alias("Renew")]
    Task RenewAsync(long slot, long number);
}

/// <summary>The calls of this silo that listeners on other silos may renew, and the names of all calls. Thread-safe.</summary>
internal sealed class CallRenewals : ICallRenewals
{
    private const int BitsOfSlots = 32;

    // Other silos have slots with the same numbers.
    private readonly long _silo;

    // Slots that have ended are nobody's to keep.
    private readonly ConcurrentDictionary<long, WeakReference<CallRenewal>> _slots = new();
    private readonly Lazy<ICallRenewals> _reference;

    public CallRenewals(IGrainFactory grains, ILocalSiloDetails silo)
    {
        _silo = (long)silo.SiloAddress.GetConsistentHashCode() << BitsOfSlots;
        _reference = new(() => grains.CreateObjectReference<ICallRenewals>(this));
    }

    /// <summary>The name of a call of this silo in the cluster; default for none.</summary>
    public (long Slot, long Number) NameOf(RenewableCall? call) => call is { } made ? (NameOf(made.Slot), made.Number) : default;

    /// <summary>Where listeners send word of a slot's calls.</summary>
    public ICallRenewals AddressOf(CallRenewal slot)
    {
        var name = NameOf(slot);
        if (!_slots.ContainsKey(name))
        {
            foreach (var (id, known) in _slots)
            {
                if (!known.TryGetTarget(out _))
                {
                    _slots.TryRemove(id, out _);
                }
            }

            _slots[name] = new(slot);
        }

        return _reference.Value;
    }

    public Task RenewAsync(long slot, long number)
    {
        if (_slots.TryGetValue(slot, out var known) && known.TryGetTarget(out var calls))
        {
            calls.Renew(number);
        }

        return Task.CompletedTask;
    }

    private long NameOf(CallRenewal slot) => _silo + slot.Id;
}
