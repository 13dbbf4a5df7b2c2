using System.Text.Json;
using Microsoft.Playwright;
using OrleansRocketMQ.Dashboard.Responses;
using OrleansRocketMQ.Dashboard.Status;

namespace OrleansRocketMQ.Dashboard.Tests;

/// <summary>Answers the page's question for the status in place of the server, each time with other figures.</summary>
internal sealed class FakedStatus(int queues)
{
    private int _ticks;

    /// <summary>How many queues have come to another silo at each tick.</summary>
    public int MovesPerTick { get; init; }

    public Task AnswerAsync(IPage page) => page.RouteAsync("**/api/status", route => route.FulfillAsync(new()
    {
        ContentType = "application/json; charset=utf-8",
        Body = JsonSerializer.Serialize(Next(Interlocked.Increment(ref _ticks)), DashboardJson.Default.DashboardView),
    }));

    private DashboardView Next(int tick) => new(0, 250, [new GroupView
    {
        Name = "large",
        State = "Running",
        Lag = 1_000 + tick,
        Figures = Figures(tick),
        DeadLetters = new() { Count = 3 },
        History = [.. Enumerable.Range(0, 90).Select(at => (double)((at + tick) % 17))],
        Silos = [new(Silo(0), "a", queues / 2, false, 1_000 * tick, 1, tick), new(Silo(1), "b", queues / 2, true, 1_000 * tick, 1, tick)],
        Topics = [new("orders", queues, 1_000 + tick, false, 500, Figures(tick))],
        Queues = [.. Enumerable.Range(0, queues).Select(id => Queue(id, tick))],
    }]);

    // Every state a queue can be in, over and over.
    private QueueView Queue(int id, int tick) => new()
    {
        Topic = "orders",
        Broker = "broker-a",
        Id = id,
        Silo = id % 50 == 7 ? string.Empty : Silo((id + (id < MovesPerTick ? tick : 0)) % 2),
        IsMoving = id % 10 == 1,
        IsPaused = id % 10 == 2,
        HasFailed = id % 10 == 3,
        LastError = id % 10 == 3 ? $"The listener failed at offset {tick}." : string.Empty,
        PinnedTo = id % 10 == 4 ? Silo(id % 2) : string.Empty,
        Lag = id % 3 == 0 ? 0 : id + tick,
        Committed = id + (tick * 7),
        Cached = (id + tick) % 100,
        CachedBytes = 1024 * ((id + tick) % 100),
        InFlight = (id + tick) % 5,
        PerSecond = (id + tick) % 50,
        P99Ms = (id + tick) % 40,
        Slowest = id % 10 == 5 ? new($"7F000001{id:X8}", id, 1_000 + tick) : null,
    };

    private static string Silo(int number) => $"silo-{number}:11111@1";

    private static FiguresView Figures(int tick) => new() { Consumed = tick * 1_000, PerSecond = 4_000 + tick, AverageMs = 3, P99Ms = 20 + (tick % 5), MaxMs = 90, Failed = 3, SentBack = 3 };
}
