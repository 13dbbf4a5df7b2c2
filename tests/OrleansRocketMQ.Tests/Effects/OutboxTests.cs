using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Outboxes;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Effects;

/// <summary>Grains that send because of messages, in silos.</summary>
public sealed class OutboxTests
{
    private readonly JsonStorage _storage = new();

    [Fact]
    public async Task A_grain_sends_once_and_in_order_what_its_messages_make_it_send()
    {
        await using var rocketmq = await StartAsync();
        await using var cluster = await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage);

        await rocketmq.PayAsync("north", 10);

        await UntilSentAsync(rocketmq, 10);
        await rocketmq.UntilCommittedAsync(10);
        var receipts = await ReceiptsAsync(rocketmq);
        Assert.Equal(Enumerable.Range(0, 10), receipts.Select(Number));
        Assert.All(receipts, receipt => Assert.Equal(("receipt", "north"), (receipt.Tags, receipt.ShardingKey)));
        Assert.Empty(Unsent);
    }

    [Fact]
    public async Task What_no_broker_takes_is_sent_when_one_does_though_nobody_calls_the_grain_again()
    {
        await using var rocketmq = await StartAsync();
        await rocketmq.PayAsync("north", 3);
        var fault = Refuse(rocketmq);
        await using var cluster = await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage);
        await rocketmq.UntilCommittedAsync(3);
        Assert.Equal(3, Unsent.Count());

        fault.Dispose();

        await UntilSentAsync(rocketmq, 3);
        Assert.Equal([0, 1, 2], (await ReceiptsAsync(rocketmq)).Select(Number));
    }

    [Fact]
    public async Task What_was_recorded_before_all_silos_stopped_is_sent_when_one_starts()
    {
        await using var rocketmq = await StartAsync();
        await rocketmq.PayAsync("north", 3);
        string[] ids;
        using (Refuse(rocketmq))
        {
            await using var cluster = await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage);
            await rocketmq.UntilCommittedAsync(3);
            ids = [.. Unsent];
        }

        await using var again = await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage);

        await UntilSentAsync(rocketmq, 3);
        Assert.Equal(ids, (await ReceiptsAsync(rocketmq)).Select(receipt => receipt.MessageId));
    }

    [Fact]
    public async Task A_silo_that_is_asked_to_send_before_it_consumes_sends_as_soon_as_it_does()
    {
        await using var rocketmq = await StartAsync();
        await rocketmq.PayAsync("north", 3);
        using (Refuse(rocketmq))
        {
            await using var cluster = await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage);
            await rocketmq.UntilCommittedAsync(3);
        }

        var place = new OutboxPlace(rocketmq.MyGroup, "Default");
        Assert.False(EarlySweep.HasFailed(place));
        await using var again = await rocketmq.ConsumeAtTillsAsync<Cashier>(
            _storage,
            setUp: services => services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(provider => new EarlySweep(provider, place)));

        Assert.True(EarlySweep.HasFailed(place));
        await UntilSentAsync(rocketmq, 3);
        Assert.Equal([0, 1, 2], (await ReceiptsAsync(rocketmq)).Select(Number));
    }

    [Fact]
    public async Task What_a_killed_silo_has_recorded_is_sent_by_another()
    {
        await using var rocketmq = await StartAsync();
        for (var till = 0; till < 20; till++)
        {
            await rocketmq.PayAsync($"till-{till}", 1);
        }

        var fault = Refuse(rocketmq);
        await using var cluster = await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage, silos: 2);
        await Eventually.TrueAsync(() => Unsent.Count() == 20, () => $"20 recorded; there are {Unsent.Count()}");
        var ids = Unsent.Order().ToArray();

        await cluster.Silos.KillSiloAsync(cluster.Silos.Silos[1]);
        fault.Dispose();

        await UntilSentAsync(rocketmq, 20);
        Assert.Equal(ids, (await ReceiptsAsync(rocketmq)).Select(receipt => receipt.MessageId).Distinct().Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task While_brokers_take_nothing_a_grain_with_much_to_send_holds_its_messages_and_no_attempt_counts(bool byKey)
    {
        await using var rocketmq = await StartAsync();
        TillScript.Of(rocketmq.MyGroup).ReceiptsEach = 600;
        await rocketmq.PayAsync("north", 5);
        var fault = Refuse(rocketmq);
        await using var cluster = byKey
            ? await rocketmq.ConsumeAtTillsAsync<Cashier>(_storage, configure: FailsNever)
            : await rocketmq.ConsumeAtTillsAsync<QueueCashier>(_storage, configure: FailsNever);
        await Eventually.TrueAsync(
            () => cluster.StatusOf(rocketmq.MyGroup)[0].Queues.Any(
                queue => (byKey ? queue.Keys!.LastError : queue.LastError).Contains("wait to be sent", StringComparison.Ordinal)),
            () => $"the queue tells that its messages are held; there are {Unsent.Count()} unsent");

        fault.Dispose();

        await UntilSentAsync(rocketmq, 3000);
        await rocketmq.UntilCommittedAsync(5);
        Assert.Equal(Enumerable.Range(0, 5), _storage.Payments());
        Assert.Empty(rocketmq.Broker.Messages(SystemTopics.DeadLetter(rocketmq.MyGroup)));

        // One attempt more would be a dead letter.
        static void FailsNever(ConsumerOptions options) => options.MaxReconsumeTimes = 0;
    }

    /// <summary>Has the outboxes of a group swept before its silo consumes, until one could not send.</summary>
    private sealed class EarlySweep(IServiceProvider services, OutboxPlace place) : ILifecycleParticipant<ISiloLifecycle>
    {
        public static bool HasFailed(OutboxPlace place) => TillRocketMQ.Log.Lines.Any(line =>
            line.Contains(place.Group, StringComparison.Ordinal) && line.Contains("not active yet", StringComparison.Ordinal));

        // The silo becomes active beside it; what comes after that waits for it.
        public void Participate(ISiloLifecycle lifecycle) => lifecycle.Subscribe(
            nameof(EarlySweep), ServiceLifecycleStage.BecomeActive, _ => Eventually.TrueAsync(SweepAsync, "a send has failed"), _ => Task.CompletedTask);

        private async Task<bool> SweepAsync()
        {
            try
            {
                await services.GetRequiredService<IGrainFactory>().GetGrain<IOutboxIndexGrain>(place.Key).SweepAsync();
            }
            catch (OrleansException)
            {
                // The silo is not active yet.
            }

            return HasFailed(place);
        }
    }

    private IEnumerable<string> Unsent => _storage.All<MessageDrivenState<TillState>>("till").Values
        .SelectMany(till => till.Outbox).Select(message => message.Properties[MessageProperties.UniqueKey]);

    private static async Task<TestRocketMQ> StartAsync()
    {
        var rocketmq = await TestRocketMQ.StartAsync();
        rocketmq.Embedded.CreateTopic(Cashier.Receipts, 1);
        return rocketmq;
    }

    private static IDisposable Refuse(TestRocketMQ rocketmq)
        => rocketmq.Faults.Inject(Fault.Answer(ResponseCodes.SystemError) with { RequestCode = RequestCodes.SendMessageV2 });

    private static Task UntilSentAsync(TestRocketMQ rocketmq, int count) => Eventually.TrueAsync(
        () => rocketmq.Broker.MaxOffset(Cashier.Receipts, 0) >= count,
        () => $"{count} receipts; there are {rocketmq.Broker.MaxOffset(Cashier.Receipts, 0)}");

    private static async Task<IReadOnlyList<MessageExt>> ReceiptsAsync(TestRocketMQ rocketmq)
    {
        var queue = new MessageQueue(Cashier.Receipts, rocketmq.Broker.Name, 0);
        var pulled = await rocketmq.Client.Brokers.PullAsync(
            rocketmq.Broker.Address,
            new PullRequest("reader", queue, Offset: 0) { Expression = MessageSelector.AllTags, SuspendTimeout = TimeSpan.Zero });
        var receipts = new List<MessageExt>();
        pulled.Decode(receipts, rocketmq.Broker.Name);
        return receipts;
    }

    private static int Number(MessageExt message) => System.Text.Json.JsonDocument.Parse(message.Body).RootElement.EnumerateObject().Single().Value.GetInt32();
}
