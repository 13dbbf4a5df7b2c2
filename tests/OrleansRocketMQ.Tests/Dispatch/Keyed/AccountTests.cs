using Orleans;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Dispatch.Keyed;

/// <summary>What key-ordered listeners are for: a grain with state of its own that hears of its own messages.</summary>
public sealed class AccountTests
{
    [Fact]
    public async Task An_account_books_its_own_messages_in_order_keeps_its_balance_and_answers_others()
    {
        await using var rocketmq = await TestRocketMQ.StartAsync(queues: 4);
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureSilo((_, silo) => silo.AddMemoryGrainStorageAsDefault().AddRocketMQ(options =>
        {
            DeclaredListeners.HideIn(options.Services);
            options.UseNameServer(rocketmq.Embedded.NameServerAddress).AddConsumer<Account>(rocketmq.MyGroup, consumer => consumer
                .Subscribe(TestRocketMQ.Topic)
                .Configure(settings => settings.ConsumeFromWhere = ConsumeFromWhere.FirstOffset));
        }));
        await using var cluster = new Testing.TestCluster(builder.Build());
        await cluster.Silos.DeployAsync();
        string[] accounts = [.. Enumerable.Range(0, 20).Select(number => $"account-{number}")];

        await KeyHistory.SendAsync(rocketmq.Producer, TestRocketMQ.Topic, accounts, first: 1, count: 10);

        foreach (var account in accounts)
        {
            var grain = cluster.Silos.Client.GetGrain<IAccount>(account);
            await Eventually.TrueAsync(async () => await grain.GetBookingsAsync() is [.., 10], $"the last booking of {account}");
            Assert.Equal(Enumerable.Range(1, 10), await grain.GetBookingsAsync());
        }
    }

    internal interface IAccount : IGrainWithStringKey
    {
        Task<List<int>> GetBookingsAsync();
    }

    internal sealed class Account([PersistentState("account")] IPersistentState<AccountState> state) : Grain, IAccount, IKeyOrderedListener
    {
        public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
        {
            // Delivery is at least once: what is booked already is not booked again.
            foreach (var message in messages)
            {
                var number = KeyHistory.NumberOf(message);
                if (state.State.Bookings is not [.., var last] || number > last)
                {
                    state.State.Bookings.Add(number);
                }
            }

            await state.WriteStateAsync(cancellationToken);
            return ConsumeResult.Success;
        }

        public Task<List<int>> GetBookingsAsync() => Task.FromResult(state.State.Bookings);
    }

    [GenerateSerializer]
    internal sealed class AccountState
    {
        [Id(0)]
        public List<int> Bookings { get; set; } = [];
    }
}
