using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Engine;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>What questions and changes cost with 1,000 subscriptions of a running group: a broker over TCP, a silo, all topics unknown to the broker.</summary>
internal static class SubscriptionsBenchmark
{
    private const string Group = "benchmark_subscriptions";
    private const int Count = 1000;

    public static async Task<int> RunAsync()
    {
        await using var embedded = await EmbeddedRocketMQ.StartAsync();
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Error);
        builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRocketMQ(rocketmq => rocketmq
            .UseNameServer(embedded.NameServerAddress)
            .AddConsumer(Group, consumer => consumer.Configure(options => options.AutoStart = false).Handle((_, _) => Task.CompletedTask))));
        using var host = builder.Build();
        await host.StartAsync();
        var consumer = host.Services.GetRequiredService<IRocketMQConsumers>().Get(Group);
        await consumer.StartAsync();
        var subscriptions = consumer.Subscriptions;

        await MeasureAsync("subscribe", number => subscriptions.SubscribeAsync(Topic(number), MessageSelector.ByTag($"tag_{number}")));
        await MeasureAsync("update selector", number => subscriptions.UpdateSelectorAsync(Topic(number), MessageSelector.ByTag($"other_{number}")));
        await MeasureAsync("is subscribed", number => Done(subscriptions.IsSubscribed(Topic(number))));
        await MeasureAsync("get", number => Done(subscriptions.Get(Topic(number)).IsActive));
        await MeasureAsync("list", _ => Done(subscriptions.List().Count == Count));
        await MeasureAsync("export", _ => Done(subscriptions.Export().Length > 0));
        await MeasureAsync("unsubscribe", number => subscriptions.UnsubscribeAsync(Topic(number)));
        await host.StopAsync();
        return 0;
    }

    private static string Topic(int number) => $"benchmark_topic_{number}";

    private static Task Done(bool right) => right ? Task.CompletedTask : throw new InvalidOperationException("a wrong answer");

    private static async Task MeasureAsync(string what, Func<int, Task> act)
    {
        var times = new List<double>(Count);
        for (var number = 0; number < Count; number++)
        {
            var start = Stopwatch.GetTimestamp();
            await act(number);
            times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
        }

        times.Sort();
        Console.WriteLine(FormattableString.Invariant($"subscriptions, {what} with {Count:N0}: mean {times.Average():F4} ms, p99 {times[Count * 99 / 100]:F4} ms"));
    }
}
