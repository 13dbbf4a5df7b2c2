using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Engine.Group;

/// <summary>
/// Has every queue of a group looked at from time to time, whether it stands still: one timer for all of them, so that a queue in
/// which nothing happens costs a look.
/// </summary>
/// <param name="group">The group.</param>
/// <param name="lookAtAll">Looks at all its queues.</param>
/// <param name="runtime">What it runs on.</param>
/// <param name="logger">The log.</param>
internal sealed class GroupWatchdog(string group, Action lookAtAll, EngineRuntime runtime, ILogger logger)
{
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private Task _running = Task.CompletedTask;

    public void Start()
        => _running = runtime.Scheduler.StartLoop($"watchdog of group {group}", RunAsync, runtime.Time, logger, _stopping.Token);

    public Task StopAsync() => runtime.Scheduler.Run(async () =>
    {
        await runtime.Scheduler.CancelAsync(_stopping);
        await _running;
    });

    private async Task RunAsync()
    {
        using var timer = new PeriodicTimer(Interval, runtime.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stopping.Token))
            {
                lookAtAll();
            }
        }
        catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
        {
            // The group stops.
        }
    }
}
