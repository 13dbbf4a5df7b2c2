using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Consumers;

namespace OrleansRocketMQ.Management;

/// <summary>
/// Tells the grain that has a group's circuit breakers, every second, how messages fared on this silo. While the grain is away, as
/// when its storage is, the silo decides by itself, by what it sees here; when the grain is back it tells what it has decided.
/// </summary>
internal sealed partial class BreakerAgent(
    ConsumerGroupRuntime consumer, IGrainFactory grains, TimeProvider time, ILogger<GroupAgent> logger)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Longest = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly BreakerSettings _settings = BreakerSettings.Of(consumer.Options);
    private readonly Dictionary<string, (long Succeeded, long Failed)> _told = new(StringComparer.Ordinal);
    private Task _telling = Task.CompletedTask;

    // Those of this silo; null while those of the cluster decide.
    private GroupBreakers? _own;

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
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(Interval, time, _stopping.Token);
                await TellAsync(News());
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task TellAsync(List<TopicOutcomes> news)
    {
        try
        {
            // Who decides alone must not wait long for somebody who is away.
            var longest = _own is null ? Longest : Interval;
            var grain = grains.GetGrain<IGroupSettingsGrain>(consumer.Group);
            await grain.ReportOutcomesAsync(news, _settings, _own is null ? [] : [.. consumer.Flow.Breakers])
                .WaitAsync(longest, time, _stopping.Token);
            if (_own is not null)
            {
                // What was known of the cluster is of before: others may have decided since.
                consumer.Flow.Apply((await grain.GetAsync().WaitAsync(longest, time, _stopping.Token)).Flow);
            }
        }
        catch (Exception exception) when (!_stopping.IsCancellationRequested)
        {
            DecideAlone(news, exception);
            return;
        }

        if (_own is not null)
        {
            Log.Together(logger, consumer.Group);
            _own = null;
            consumer.Flow.DecideAlone(null);
        }
    }

    private void DecideAlone(List<TopicOutcomes> news, Exception exception)
    {
        if (_own is null)
        {
            Log.Alone(logger, consumer.Group, exception.Message);
            _own = new();
        }

        if (_own.Take(news, _settings, consumer.Flow.Breakers, time.GetUtcNow()) is { } open)
        {
            Log.Decided(logger, consumer.Group, open.Count == 0 ? "all circuit breakers are closed" : string.Join("; ", open));
            consumer.Flow.DecideAlone(open);
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
        [LoggerMessage(
            274,
            LogLevel.Warning,
            "Group {Group} could not tell its circuit breakers how messages fared; until it can this silo decides alone: {Reason}")]
        public static partial void Alone(ILogger logger, string group, string reason);

        [LoggerMessage(403, LogLevel.Warning, "Group {Group}, on this silo alone: {What}")]
        public static partial void Decided(ILogger logger, string group, string what);

        [LoggerMessage(404, LogLevel.Information, "Group {Group}: its circuit breakers are those of the cluster again")]
        public static partial void Together(ILogger logger, string group);
    }
}
