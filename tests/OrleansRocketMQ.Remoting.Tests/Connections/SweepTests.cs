using System.IO.Pipelines;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Tests.Support;

namespace OrleansRocketMQ.Tests.Connections;

/// <summary>A connection looks after its time-outs on a timer, from which nothing may escape: it would end the process.</summary>
public sealed class SweepTests
{
    [Fact]
    public async Task A_look_at_the_time_outs_that_fails_is_told_of_and_the_next_one_is_made()
    {
        var time = new FailingTime();
        var log = new TestLog();
        await using var connection = new RemotingConnection(new Pipe().Reader.AsStream(), "peer", new RemotingOptions { IdleTimeout = TimeSpan.FromMilliseconds(1) }, handler: null, time, log);
        connection.Start();
        time.Fails = true;
        time.Fire();
        Assert.Equal(1, log.Count(LogLevel.Error));
        Assert.True(connection.IsUsable);
        time.Fails = false;
        await Eventually.Holds(() =>
        {
            time.Fire();
            return !connection.IsUsable;
        });
    }

    private sealed class FailingTime : TimeProvider
    {
        private Action? _callback;

        public bool Fails { get; set; }

        public void Fire() => _callback!();

        public override long GetTimestamp() => Fails ? throw new InvalidOperationException("unexpected") : base.GetTimestamp();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _callback = () => callback(state);
            return System.CreateTimer(static _ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
