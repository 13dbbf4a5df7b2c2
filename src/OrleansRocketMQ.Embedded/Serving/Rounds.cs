using Microsoft.Extensions.Logging;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>What a broker does again and again by its clock. Not thread-safe: started and stopped by the broker's own lifecycle.</summary>
internal sealed partial class Rounds(TimeProvider time, ILogger logger)
{
    private readonly List<ITimer> _timers = [];

    public void Every(TimeSpan period, Action action) => _timers.Add(time.CreateTimer(
        _ =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                // A timer's failure would end the process; the next round may do better.
                Log.RoundFailed(logger, action.Method.Name, exception);
            }
        },
        null,
        period,
        period));

    public void Stop()
    {
        foreach (var timer in _timers)
        {
            timer.Dispose();
        }

        _timers.Clear();
    }

    private static partial class Log
    {
        [LoggerMessage(150, LogLevel.Error, "{Action} failed; it will be tried again")]
        public static partial void RoundFailed(ILogger logger, string action, Exception exception);
    }
}
