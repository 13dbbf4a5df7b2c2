using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Queues;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>A queue that stands still for longer than it may is told of, whatever the reason.</summary>
public sealed class QueueWatchdogTests : IDisposable
{
    private static readonly QueuePatience Patience = new(TimeSpan.FromMinutes(3), TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1));

    private readonly FakeTimeProvider _time = new();
    private readonly WarningLog _log = new();
    private readonly List<Exception> _failures = [];
    private QueueState _state = QueueState.New(needsLock: false);
    private long _moved;

    public void Dispose() => _log.Dispose();

    [Fact]
    public async Task A_queue_that_does_not_move_is_told_of_once_and_once_more_when_it_stands_still_again()
    {
        var watchdog = Watch();

        await PassAsync(Patience.Servers);
        Assert.Empty(_log.Lines);
        await PassAsync(2 * QueueWatchdog.Interval);
        Assert.Single(_log.Lines);
        Assert.Contains("Positioning", Assert.Single(_failures).Message, StringComparison.Ordinal);
        await PassAsync(Patience.Listeners);
        Assert.Single(_log.Lines);

        _moved++;
        await PassAsync(Patience.Servers + (3 * QueueWatchdog.Interval));
        Assert.Equal(2, _log.Lines.Count);
        await watchdog.StopAsync();
    }

    [Fact]
    public async Task A_queue_that_moves_or_waits_for_somebody_who_may_take_his_time_is_not_told_of()
    {
        var watchdog = Watch();
        _state = _state.Next(QueueEventKind.Positioned).State;
        for (var round = 0; round < 3; round++)
        {
            _moved++;
            await PassAsync(Patience.Listeners);
        }

        _state = _state.Next(QueueEventKind.Paused).State;
        await PassAsync(3 * Patience.Listeners);

        Assert.Empty(_log.Lines);
        Assert.Empty(_failures);
        await watchdog.StopAsync();
    }

    private QueueWatchdog Watch()
    {
        var watchdog = new QueueWatchdog("g", new MessageQueue("t", "b", 0), Look, Patience, _failures.Add, SiloRuntime.Of(_time), _log);
        watchdog.Start();
        return watchdog;
    }

    private int _looks;

    private (QueueState State, long Moved) Look()
    {
        Interlocked.Increment(ref _looks);
        return (_state, _moved);
    }

    /// <summary>Lets time pass, one look after the other.</summary>
    private async Task PassAsync(TimeSpan time)
    {
        for (var passed = TimeSpan.Zero; passed < time; passed += QueueWatchdog.Interval)
        {
            var looks = Volatile.Read(ref _looks);
            _time.Advance(QueueWatchdog.Interval);
            await Eventually.TrueAsync(() => Volatile.Read(ref _looks) > looks, "the watchdog looks");
        }
    }
}
