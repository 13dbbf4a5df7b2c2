using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <summary>Tells the grain that has a group's circuit breakers, every second, how messages fared on this silo.</summary>
internal sealed partial class BreakerAgent(
    ConsumerGroupRuntime consumer, IGrainFactory grains, TimeProvider time, ILogger<GroupAgent> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly BreakerSettings _settings = BreakerSettings.Of(consumer.Options);
    private readonly Dictionary<string, (long Succeeded, long Failed)> _told = new(StringComparer.Ordinal);
    private Task _telling = Task.CompletedTask;

    /// <summary>Starts it where the group has circuit breakers.</summary>
    public void Start()
    {
        if (consumer.Options.HasBreakers)
        {
            // What was counted before, in an earlier run of the group here, is not news.
            News();
            _telling = BackgroundLoop.Run(
                $"circuit breakers of group {consumer.Group}", _ => TellAsync(), time, logger, _stopping.Token);
        }
    }

    public Task StopAsync()
    {
        _stopping.Cancel();
        return _telling;
    }

    // On the thread pool, where its loop was started: there is no context to leave.
    private async Task TellAsync()
    {
        var news = new List<TopicOutcomes>();
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, time, _stopping.Token);
                news.AddRange(News());
                await grains.GetGrain<IGroupSettingsGrain>(consumer.Group)
                    .ReportOutcomesAsync(news, _settings).WaitAsync(Longest, time, _stopping.Token);
                news = [];
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                // Old news would open a breaker for what is over.
                news = [];
                Log.NotTold(logger, consumer.Group, exception.Message);
            }
        }
    }

    /// <summary>What has been counted since it was last asked.</summary>
    private List<TopicOutcomes> News()
    {
        var news = new List<TopicOutcomes>();
        foreach (var (topic, totals) in consumer.Statistics.ByTopic())
        {
            var (succeeded, failed) = _told.GetValueOrDefault(topic);
            _told[topic] = (totals.Consumed, totals.Failed);
            if (totals.Consumed > succeeded || totals.Failed > failed)
            {
                news.Add(new(topic, Math.Max(0, totals.Consumed - succeeded), Math.Max(0, totals.Failed - failed)));
            }
        }

        return news;
    }

    private static partial class Log
    {
        [LoggerMessage(274, LogLevel.Warning, "Group {Group} could not tell its circuit breakers how messages fared: {Reason}")]
        public static partial void NotTold(ILogger logger, string group, string reason);
    }
}
