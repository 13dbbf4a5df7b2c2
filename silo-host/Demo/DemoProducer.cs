using Microsoft.Extensions.Options;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Makes the topic, waits until the listener stands ready, then sends: paced without an end, or N messages at full speed.</summary>
internal sealed class DemoProducer(
    IOptions<DemoOptions> options,
    IOptions<RocketMQOptions> rocketmq,
    IRocketMQSiloStatus status,
    DemoLedger ledger,
    DemoVerdict verdict,
    IHostApplicationLifetime lifetime,
    ILoggerFactory loggers) : BackgroundService
{
    private const int BatchSize = 64;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    private DemoOptions Options => options.Value;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await using var client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(rocketmq.Value.NameServer),
                ClientId = $"127.0.0.1@demo#{Environment.ProcessId}",
            },
            loggers);
        client.Start();
        try
        {
            await PrepareAsync(client, stoppingToken);
            await using var producer = new Producer(client, new ProducerOptions { Group = Options.Group }, loggers);
            if (Options.Messages is { } messages)
            {
                await RunToTheEndAsync(producer, messages, stoppingToken);
                lifetime.StopApplication();
            }
            else
            {
                await SendPacedAsync(producer, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
        catch (Exception exception) when (Options.Messages is not null)
        {
            Console.Error.WriteLine($"the demo failed: {exception.Message}");
            verdict.ExitCode = 2;
            lifetime.StopApplication();
        }
    }

    private async Task PrepareAsync(RocketMQClient client, CancellationToken cancellationToken)
    {
        await UntilAsync(
            async () =>
            {
                try
                {
                    await CreateTopicAsync(client, cancellationToken);
                    return true;
                }
                catch (RocketMQException exception)
                {
                    Console.WriteLine($"waiting for the cluster: {exception.Message}");
                    return false;
                }
            },
            TimeSpan.FromSeconds(1),
            cancellationToken);
        // What a new group finds is a matter of its start position; the demo sends when everything it sends will be seen.
        await UntilAsync(
            () => Task.FromResult(status.Groups.Any(group => group.Group == Options.Group && group.IsReady)),
            Tick,
            cancellationToken);
    }

    private async Task CreateTopicAsync(RocketMQClient client, CancellationToken cancellationToken)
    {
        try
        {
            await client.Routes.RefreshAsync(Options.Topic, cancellationToken);
            return;
        }
        catch (TopicNotFoundException)
        {
            // The first run on this cluster.
        }

        var cluster = await client.NameServer.GetClusterInfoAsync(cancellationToken);
        foreach (var broker in cluster.BrokerAddrTable.Values)
        {
            if (broker.BrokerAddrs.TryGetValue(BrokerData.MasterId, out var master))
            {
                await client.Brokers.CreateTopicAsync(master, Options.Topic, Options.Queues, cancellationToken: cancellationToken);
            }
        }

        await client.Routes.RefreshAsync(Options.Topic, cancellationToken);
    }

    private async Task SendPacedAsync(Producer producer, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Tick);
        var owed = 0.0;
        var number = 0L;
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            owed += Options.Rate * Tick.TotalSeconds;
            for (; owed >= 1; owed -= Math.Min(owed, BatchSize))
            {
                try
                {
                    number += await SendBatchAsync(producer, number, (int)Math.Min(owed, BatchSize), cancellationToken);
                }
                catch (RocketMQException exception)
                {
                    Console.Error.WriteLine($"sending failed: {exception.Message}");
                }
            }
        }
    }

    private async Task RunToTheEndAsync(Producer producer, int messages, CancellationToken cancellationToken)
    {
        var start = TimeProvider.System.GetTimestamp();
        var numbers = Enumerable.Range(0, (messages + BatchSize - 1) / BatchSize).Select(batch => (long)batch * BatchSize);
        await Parallel.ForEachAsync(
            numbers,
            new ParallelOptions { MaxDegreeOfParallelism = 4, CancellationToken = cancellationToken },
            async (number, token) => await SendBatchAsync(producer, number, (int)Math.Min(BatchSize, messages - number), token));

        var last = ledger.Consumed;
        var lastProgress = TimeProvider.System.GetTimestamp();
        await UntilAsync(
            () =>
            {
                if (ledger.Consumed > last)
                {
                    last = ledger.Consumed;
                    lastProgress = TimeProvider.System.GetTimestamp();
                }

                return Task.FromResult(last >= messages || TimeProvider.System.GetElapsedTime(lastProgress) > Options.Patience);
            },
            TimeSpan.FromMilliseconds(5),
            cancellationToken);
        var elapsed = TimeProvider.System.GetElapsedTime(start);
        var lost = messages - ledger.Consumed;
        Console.WriteLine(FormattableString.Invariant(
            $"consumed {ledger.Consumed} of {messages}, {lost} lost, {ledger.Duplicates} duplicates, {ledger.Consumed / elapsed.TotalSeconds:0} msg/s"));
        verdict.ExitCode = lost == 0 ? 0 : 1;
    }

    private async Task<int> SendBatchAsync(Producer producer, long first, int count, CancellationToken cancellationToken)
    {
        var batch = Enumerable.Range(0, count)
            .Select(index => new Message(Options.Topic, ledger.NewBody(first + index, Options.BodyLength)))
            .ToArray();
        await producer.SendAsync(batch, cancellationToken: cancellationToken);
        ledger.CountSent(count);
        return count;
    }

    private static async Task UntilAsync(Func<Task<bool>> condition, TimeSpan interval, CancellationToken cancellationToken)
    {
        while (!await condition())
        {
            await Task.Delay(interval, cancellationToken);
        }
    }
}
