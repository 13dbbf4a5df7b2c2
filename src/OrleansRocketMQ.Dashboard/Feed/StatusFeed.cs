using System.Text.Json;
using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Dashboard.Responses;
using OrleansRocketMQ.Dashboard.Status;

namespace OrleansRocketMQ.Dashboard.Feed;

/// <summary>
/// The status as JSON. It is asked for once per interval however many pages are open, and not at all when none is.
/// Thread-safe.
/// </summary>
internal sealed partial class StatusFeed(
    IRocketMQConsumers consumers, IGrainFactory grains, RocketMQDashboardOptions options, TimeProvider time, ILogger<StatusFeed> logger)
{
    private const int HistoryLength = 90;
    private const int DeadLettersCounted = 100;

    // Dead letters are read from the brokers, so they are counted less often.
    private static readonly TimeSpan s_deadLetterInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly Lock _lock = new();
    private readonly Dictionary<string, GroupMemory> _memory = new(StringComparer.Ordinal);
    private Task<byte[]>? _latest;
    private long _askedAt;

    /// <summary>How often groups were asked.</summary>
    public long Rounds { get; private set; }

    public Task<byte[]> GetAsync()
    {
        lock (_lock)
        {
            // One round at a time: its memory of groups needs no other lock, and slow silos are not asked twice.
            if (_latest is null || (_latest.IsCompleted && time.GetElapsedTime(_askedAt) >= options.RefreshInterval))
            {
                _askedAt = time.GetTimestamp();
                Rounds++;
                _latest = Task.Run(ReadAsync);
            }

            return _latest;
        }
    }

    private async Task<byte[]> ReadAsync()
    {
        var all = consumers.All.OrderBy(consumer => consumer.Group, StringComparer.Ordinal).ToArray();
        foreach (var consumer in all)
        {
            _memory.TryAdd(consumer.Group, new GroupMemory());
        }

        var groups = await Task.WhenAll(all.Select(consumer => ReadAsync(consumer, _memory[consumer.Group]))).ConfigureAwait(false);
        var view = new DashboardView(time.GetUtcNow().ToUnixTimeMilliseconds(), (int)options.RefreshInterval.TotalMilliseconds, groups);
        return JsonSerializer.SerializeToUtf8Bytes(view, DashboardJson.Default.DashboardView);
    }

    private async Task<GroupView> ReadAsync(IRocketMQConsumer consumer, GroupMemory memory)
    {
        try
        {
            using var patience = new CancellationTokenSource(s_patience, time);
            var status = await grains.GetGrain<IConsumerGroupManagementGrain>(consumer.Group)
                .GetStatusAsync(patience.Token).WaitAsync(s_patience, time).ConfigureAwait(false);
            memory.Remember(status.Figures.MessagesPerSecond);
            memory.CountDeadLetters(time, () => CountAsync(consumer.Group));
            return GroupViews.Of(status, StateOf(status, consumer), memory.History, memory.DeadLetters);
        }
#pragma warning disable CA1031 // Whatever one group fails with is shown in its place; the others are shown as ever.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogNoStatus(exception, consumer.Group);
            return new GroupView { Name = consumer.Group, State = consumer.State.ToString(), Error = exception.Message };
        }
    }

    // It may be stopped on this silo and run on others.
    private static string StateOf(ConsumerGroupStatus status, IRocketMQConsumer here)
        => here.State is ConsumerState.Starting or ConsumerState.Stopping ? here.State.ToString() : status.State.ToString();

    private async Task<DeadLettersView> CountAsync(string group)
    {
        try
        {
            var page = await grains.GetGrain<IDeadLetterGrain>(group)
                .ListAsync(limit: DeadLettersCounted)
                .WaitAsync(s_patience, time).ConfigureAwait(false);
            var parked = await grains.GetGrain<IParkedMessageGrain>(group)
                .ListAsync(limit: 1)
                .WaitAsync(s_patience, time).ConfigureAwait(false);
            return new()
            {
                Count = page.Letters.Count,
                Parked = parked.Total,
                HasMore = page.Unread.Count > 0 || (page.Next is not null && page.Letters.Count == DeadLettersCounted),
                Error = page.Unread.Count > 0 ? string.Join(" ", page.Unread) : null,
            };
        }
#pragma warning disable CA1031 // As above.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return new() { Error = exception.Message };
        }
    }

    [LoggerMessage(Level = LogLevel.Debug, Message = "The dashboard got no status of group {Group}")]
    private partial void LogNoStatus(Exception exception, string group);

    /// <summary>What is kept of a group between rounds. Used by one round at a time.</summary>
    private sealed class GroupMemory
    {
        private readonly Queue<double> _history = new();
        private Task<DeadLettersView>? _count;
        private long _countedAt;

        public double[] History => [.. _history];

        public DeadLettersView DeadLetters { get; private set; } = new();

        public void Remember(double perSecond)
        {
            _history.Enqueue(Math.Round(perSecond, 2));
            if (_history.Count > HistoryLength)
            {
                _history.Dequeue();
            }
        }

        /// <summary>Counts beside the rounds, which do not wait for it; it ends by its time-out at the latest.</summary>
        public void CountDeadLetters(TimeProvider time, Func<Task<DeadLettersView>> count)
        {
            if (_count is { IsCompletedSuccessfully: true })
            {
                DeadLetters = _count.Result;
            }

            if (_count is null || (_count.IsCompleted && time.GetElapsedTime(_countedAt) >= s_deadLetterInterval))
            {
                _countedAt = time.GetTimestamp();
                _count = count();
            }
        }
    }
}
