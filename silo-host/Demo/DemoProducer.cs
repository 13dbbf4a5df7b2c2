using Microsoft.Extensions.Options;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Producing;
using OrleansRocketMQ.SiloHost.Errors;
using OrleansRocketMQ.SiloHost.Terminal;
using OrleansRocketMQ.Statistics;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>
/// Makes the topic, waits until the listener stands ready, then sends: paced without an end, or N messages at full speed
/// and a verdict when they have been consumed.
/// </summary>
internal sealed class DemoProducer(
    DemoOptions options,
    IOptions<RocketMQOptions> rocketmq,
    IRocketMQSiloStatus status,
    DemoLedger ledger,
    DemoVerdict verdict,
    HostConsole console,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILoggerFactory loggers) : BackgroundService
{
    private static readonly TimeSpan LookAgain = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan TryAgain = TimeSpan.FromSeconds(1);

    private string _lastTrouble = string.Empty;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await RunAsync(stoppingToken);
                return;
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                // The host stops.
            }
            catch (Exception exception) when (options.HasEnd)
            {
                console.EndLive();
                await Console.Error.WriteLineAsync($"the demo failed: {exception.Message}");
                verdict.ExitCode = ExitCode.Failure;
                lifetime.StopApplication();
                return;
            }
            catch (Exception exception)
            {
                // The host has other groups, whatever it was.
                Tell($"the demo failed and begins anew: {exception.Message}");
                await Task.WhenAny(Task.Delay(TryAgain, time, stoppingToken));
            }
        }
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        await using var client = new RocketMQClient(
            new RocketMQClientOptions
            {
                NameServerAddresses = RocketMQClientOptions.ParseAddresses(rocketmq.Value.NameServer),
                ClientId = $"127.0.0.1@demo#{Environment.ProcessId}",
                Remoting = rocketmq.Value.ToRemotingOptions(),
            },
            loggers);
        client.Start();
        var queues = await EnsureTopicAsync(client, cancellationToken);
        await using var producer = new Producer(client, new ProducerOptions { Group = options.Group }, loggers);
        var sender = new DemoSender(producer, options, ledger);

        // What a new group finds is a matter of its start position; the demo sends when all that it sends will be seen.
        if (options.Messages is { } messages)
        {
            await UntilAsync(() => QueuesHere == queues, () => OthersConsumeToo(queues), cancellationToken);
            await RunToTheEndAsync(sender, messages, cancellationToken);
            lifetime.StopApplication();
        }
        else
        {
            await UntilAsync(() => Group is { IsReady: true }, whyNot: null, cancellationToken);
            await sender.SendPacedAsync(exception => Tell($"sending failed: {exception.Message}"), cancellationToken);
        }
    }

    private SiloGroupStatus? Group => status.Groups.FirstOrDefault(group => group.Group == options.Group);

    private int QueuesHere => Group?.Queues.Count(queue => queue.Queue.Topic == options.Topic && queue.NextPullOffset >= 0) ?? 0;

    private string OthersConsumeToo(int queues)
        => $"{QueuesHere} of the {queues} queues of topic {options.Topic} run here. Has group {options.Group} "
            + "other members? They would take a part of the messages; choose a group of your own by --Demo:Group=name.";

    private async Task<int> EnsureTopicAsync(RocketMQClient client, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (true)
        {
            try
            {
                return await DemoTopic.EnsureAsync(client, options, cancellationToken);
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested
                && (!options.HasEnd || time.GetElapsedTime(start) < options.Patience))
            {
                Tell($"waiting for the cluster: {exception.Message}");
            }

            await Task.Delay(TryAgain, time, cancellationToken);
        }
    }

    private async Task RunToTheEndAsync(DemoSender sender, int messages, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        await sender.SendAllAsync(messages, cancellationToken);

        var last = -1L;
        var lastProgress = start;
        while (last < messages && (last < 0 || time.GetElapsedTime(lastProgress) < options.Patience))
        {
            if (ledger.Consumed is var consumed && consumed > last)
            {
                last = consumed;
                lastProgress = time.GetTimestamp();
            }

            await Task.Delay(LookAgain, time, cancellationToken);
        }

        var elapsed = time.GetElapsedTime(start, lastProgress);
        var lost = messages - ledger.Consumed;
        console.EndLive();
        var rate = ledger.Consumed / elapsed.TotalSeconds;
        console.WriteLine(FormattableString.Invariant(
            $"consumed {ledger.Consumed} of {messages}, {lost} lost, {ledger.Duplicates} duplicates, {rate:0} msg/s"));
        verdict.ExitCode = lost == 0 ? ExitCode.Success : ExitCode.Failure;
    }

    private async Task UntilAsync(Func<bool> condition, Func<string>? whyNot, CancellationToken cancellationToken)
    {
        var start = time.GetTimestamp();
        while (!condition())
        {
            if (whyNot is not null && time.GetElapsedTime(start) > options.Patience)
            {
                throw new TimeoutException(whyNot());
            }

            await Task.Delay(LookAgain, time, cancellationToken);
        }
    }

    // The same trouble is told once, not every second.
    private void Tell(string trouble)
    {
        if (trouble != _lastTrouble)
        {
            console.WriteLine(trouble);
            _lastTrouble = trouble;
        }
    }
}
