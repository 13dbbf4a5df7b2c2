using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Outboxes;

/// <summary>
/// Asks the indexes of this silo's groups, from the silo's start to its stop, to have sent what grains have left. So a grain that
/// was recorded before all silos stopped sends when the first one has started.
/// </summary>
internal sealed partial class OutboxSweeper(
    SiloOutboxes outboxes, IGrainFactory grains, TimeProvider time, ILogger<OutboxSweeper> logger)
{
    /// <summary>
    /// How long a message at most lies recorded before somebody tries to send it, once its grain's silo is known to be dead.
    /// </summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private Task _sweeping = Task.CompletedTask;

    public void Start()
    {
        if (outboxes.Places.ToArray() is { Length: > 0 } places)
        {
            _sweeping = BackgroundLoop.Run("outboxes", _ => SweepAsync(places), time, logger, _stopping.Token);
        }
    }

    public async Task StopAsync()
    {
        await _stopping.CancelAsync();
        await _sweeping;
    }

    private async Task SweepAsync(OutboxPlace[] places)
    {
        while (!_stopping.IsCancellationRequested)
        {
            await Task.WhenAll(places.Select(SweepAsync));
            await Task.Delay(Interval, time, _stopping.Token);
        }
    }

    private async Task SweepAsync(OutboxPlace place)
    {
        try
        {
            await grains.GetGrain<IOutboxIndexGrain>(place.Key).SweepAsync().WaitAsync(_stopping.Token);
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            // The storage or the index's silo is away; who is asked next time is another.
            Log.NotSwept(logger, place.Group, exception.Message);
        }
        catch (OperationCanceledException)
        {
            // The silo stops.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            302,
            LogLevel.Warning,
            "Group {Group}: what its grains have recorded to send could not be looked after; it is tried again: {Reason}")]
        public static partial void NotSwept(ILogger logger, string group, string reason);
    }
}
