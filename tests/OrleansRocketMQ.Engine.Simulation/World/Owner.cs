using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Flow;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>A member as the world sees it: whether it lives, its rate, its fence.</summary>
internal sealed class Owner(int index, string name, SimulatedWorld world) : IDisposable
{
    public const string RateHolds = "no more is handed out than the rate allows";

    private readonly CancellationTokenSource _died = new();
    private readonly List<Action<bool>> _fenceListeners = [];
    private long _handedOutSince;
    private long _handedOut;
    private double _allowed;

    public int Index => index;

    public string Name => name;

    public bool IsDead { get; private set; }

    /// <summary>Fires when it dies.</summary>
    public CancellationToken Died => _died.Token;

    /// <summary>Whether it is in doubt whether its queues are its own. The clock knows at once; who is told hears later.</summary>
    public bool IsFenceClosed { get; private set; }

    /// <summary>How often it has closed.</summary>
    public int Closings { get; private set; }

    public TopicRate? Rate { get; private set; }

    public void ThrowIfDead()
    {
        if (IsDead)
        {
            throw new OwnerDiedException();
        }
    }

    public void Kill()
    {
        IsDead = true;
        _died.Cancel();
        Rate?.Dispose();
    }

    public void OnFence(Action<bool> changed) => _fenceListeners.Add(changed);

    public void NoFence(Action<bool> changed) => _fenceListeners.Remove(changed);

    /// <summary>The fence closes. Who hears of it does so after a while; it opens only after everybody has.</summary>
    public async Task CloseFenceAsync(TimeSpan lasts, SeededRandom random)
    {
        IsFenceClosed = true;
        Closings++;
        var told = Closings;
        await TellAsync(closed: true, random);
        await world.Time.Delay(lasts);
        if (told == Closings)
        {
            IsFenceClosed = false;
            await TellAsync(closed: false, random);
        }
    }

    /// <summary>Ends when the fence is open.</summary>
    public async Task WaitUntilOpenAsync(CancellationToken cancellationToken)
    {
        while (IsFenceClosed)
        {
            await world.Time.Delay(TimeSpan.FromMilliseconds(100), cancellationToken);
        }
    }

    /// <summary>Limits what is handed out; 0 for no limit.</summary>
    public void Limit(double perSecond, Action onReady)
    {
        Rate?.Dispose();
        Rate = perSecond > 0 ? new TopicRate(perSecond, world.Time, onReady) : null;
        (_handedOut, _handedOutSince, _allowed) = (0, world.Time.Now, perSecond);
    }

    /// <summary>Messages are handed out, which the limit must allow.</summary>
    public void HandedOut(int messages)
    {
        // What was leased before the limit came may begin a moment later.
        if (Rate is null || world.Time.Now < _handedOutSince + TimeSpan.FromMilliseconds(50).Ticks)
        {
            return;
        }

        _handedOut += messages;
        var most = (TimeSpan.FromTicks(world.Time.Now - _handedOutSince).TotalSeconds * _allowed) + 1;
        if (_handedOut > most)
        {
            throw new SimulationException(RateHolds, $"{name}: {_handedOut} messages where {most:0.0} were allowed");
        }
    }

    private async Task TellAsync(bool closed, SeededRandom random)
    {
        foreach (var listener in _fenceListeners.ToArray())
        {
            var late = random.Chance(50) ? TimeSpan.FromMilliseconds(1) : random.Between(TimeSpan.Zero, TimeSpan.FromMilliseconds(400));
            await world.Time.Delay(late);
            if (IsFenceClosed == closed)
            {
                listener(closed);
            }
        }
    }

    public void Dispose()
    {
        Rate?.Dispose();
        _died.Dispose();
    }
}
