using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Simulation.Kernel;

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
    private bool _isClosed;
    private int _told;
    private long? _stoodStillUntil;

    public int Index => index;

    public string Name => name;

    public bool IsDead { get; private set; }

    /// <summary>Fires when it dies.</summary>
    public CancellationToken Died => _died.Token;

    /// <summary>Whether it is in doubt whether its queues are its own. The clock knows at once; who is told hears later.</summary>
    public bool IsFenceClosed => _isClosed || _stoodStillUntil is not null;

    /// <summary>Whether it gives its queues away to end.</summary>
    public bool IsLeaving { get; private set; }

    /// <summary>Whether the others have taken it for dead.</summary>
    public bool IsDeclaredDead { get; private set; }

    /// <summary>Whether it has died, or the others think so: another one has its place.</summary>
    public bool CountsAsDead => IsDead || IsDeclaredDead;

    /// <summary>How often it has closed.</summary>
    public int Closings { get; private set; }

    /// <summary>When it last went on after it had stood still, in ticks of the run; for ever while it stands still.</summary>
    public long StoodStillAt { get; private set; } = long.MinValue;

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

    public void Leave() => IsLeaving = true;

    /// <summary>The others take it for dead, and it does not know.</summary>
    public void DeclareDead() => IsDeclaredDead = true;

    /// <summary>It stands still from now on, or goes on.</summary>
    public void StandsStill(bool still) => StoodStillAt = still ? long.MaxValue : world.Time.Now;

    /// <summary>It has stood still for so long that others may have taken its queues. It must look before it does anything.</summary>
    public void StoodStill()
    {
        _stoodStillUntil = world.Time.Now;
        Closings++;
    }

    /// <summary>The cluster counts it in, as far as was asked at that time.</summary>
    public void CountedInAt(long asked)
    {
        if (asked >= _stoodStillUntil)
        {
            _stoodStillUntil = null;
        }
    }

    public void OnFence(Action<bool> changed) => _fenceListeners.Add(changed);

    public void NoFence(Action<bool> changed) => _fenceListeners.Remove(changed);

    /// <summary>The fence closes. Who hears of it does so after a while; it opens only after everybody has.</summary>
    /// <param name="lasts">For how long.</param>
    /// <param name="random">Says who hears of it when.</param>
    /// <param name="atOnce">Whether everybody hears of the closing at once.</param>
    public async Task CloseFenceAsync(TimeSpan lasts, SeededRandom random, bool atOnce)
    {
        _isClosed = true;
        Closings++;
        var told = ++_told;
        await TellAsync(closed: true, random, atOnce);
        await world.Time.Delay(lasts);
        if (told == _told)
        {
            _isClosed = false;
            await TellAsync(closed: false, random, atOnce: false);
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

    private async Task TellAsync(bool closed, SeededRandom random, bool atOnce)
    {
        foreach (var listener in _fenceListeners.ToArray())
        {
            var latest = TimeSpan.FromMilliseconds(closed ? 400 : 800);
            var late = random.Chance(50) ? TimeSpan.FromMilliseconds(1) : random.Between(TimeSpan.Zero, latest);
            await world.Time.Delay(atOnce ? TimeSpan.Zero : late);
            if (_isClosed == closed)
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
