namespace OrleansRocketMQ.Tests.Support;

/// <summary>A clock that is set ahead by an hour just before somebody's long timer begins, when it is told to.</summary>
internal sealed class JumpingTime : FakeTimeProvider
{
    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    public bool JumpsOnce { get; set; }

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        => new Timer(this, base.CreateTimer(callback, state, dueTime, period));

    private sealed class Timer(JumpingTime time, ITimer timer) : ITimer
    {
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            if (dueTime >= Hour && time.JumpsOnce)
            {
                time.JumpsOnce = false;
                time.Advance(Hour);
            }

            return timer.Change(dueTime, period);
        }

        public void Dispose() => timer.Dispose();

        public ValueTask DisposeAsync() => timer.DisposeAsync();
    }
}
