using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>What every <see cref="IBrokers"/> does that serves <see cref="Queue"/>, which is empty at first.</summary>
public abstract class BrokersContract
{
    private protected const string Group = "billing";

    private protected static readonly MessageQueue Queue = new("orders", "broker-a", 0);

    [Fact]
    public async Task Messages_come_from_the_offset_on_that_is_asked_for_and_no_more_than_are_wanted()
    {
        var brokers = Create();
        await StoreAsync(5);

        var result = await PullAsync(brokers, new PullRequest(Group, Queue, 1) { MaxMessages = 3 });

        Assert.Equal((PullStatus.Found, 4L, 5L), (result.Status, result.NextBeginOffset, result.MaxOffset));
        var messages = new List<MessageExt>();
        result.Decode(messages, Queue.BrokerName);
        Assert.Equal([1L, 2L, 3L], messages.Select(message => message.QueueOffset));
    }

    [Fact]
    public async Task A_pull_behind_the_last_message_that_is_not_to_wait_says_that_there_is_nothing_new()
    {
        var brokers = Create();
        await StoreAsync(2);

        var result = await PullAsync(brokers, new PullRequest(Group, Queue, 2) { SuspendTimeout = TimeSpan.Zero });

        Assert.Equal((PullStatus.NoNewMessage, 2L, 2L), (result.Status, result.NextBeginOffset, result.MaxOffset));
    }

    [Fact]
    public async Task The_first_and_the_last_position_are_those_of_what_is_stored()
    {
        var brokers = Create();
        Assert.Equal(0, await brokers.GetMaxOffsetAsync(Address, Queue, CancellationToken.None));
        await StoreAsync(3);

        Assert.Equal(0, await brokers.GetMinOffsetAsync(Address, Queue, CancellationToken.None));
        Assert.Equal(3, await brokers.GetMaxOffsetAsync(Address, Queue, CancellationToken.None));
    }

    [Fact]
    public async Task An_offset_is_there_once_it_was_told_and_may_be_told_lower()
    {
        var brokers = Create();
        Assert.Null(await brokers.QueryConsumerOffsetAsync(Address, Group, Queue, setZeroIfNotFound: false, CancellationToken.None));
        await brokers.UpdateConsumerOffsetAsync(Address, Group, Queue, 7, CancellationToken.None);
        await brokers.UpdateConsumerOffsetAsync(Address, Group, Queue, 4, CancellationToken.None);

        Assert.Equal(4, await brokers.QueryConsumerOffsetAsync(Address, Group, Queue, setZeroIfNotFound: null, CancellationToken.None));
    }

    [Fact]
    public async Task A_pull_tells_the_offset_it_carries()
    {
        var brokers = Create();
        await StoreAsync(3);
        await PullAsync(brokers, new PullRequest(Group, Queue, 1) { CommitOffset = 1 });

        Assert.Equal(1, await brokers.QueryConsumerOffsetAsync(Address, Group, Queue, setZeroIfNotFound: false, CancellationToken.None));
    }

    [Fact]
    public async Task A_lock_is_one_members_until_he_gives_it_back_and_he_may_renew_it()
    {
        var brokers = Create();
        Assert.Equal([Queue], await brokers.LockAsync(Address, Group, "first", [Queue], CancellationToken.None));
        Assert.Empty(await brokers.LockAsync(Address, Group, "second", [Queue], CancellationToken.None));
        Assert.Equal([Queue], await brokers.LockAsync(Address, Group, "first", [Queue], CancellationToken.None));

        await brokers.UnlockAsync(Address, Group, "second", [Queue], CancellationToken.None);
        Assert.Empty(await brokers.LockAsync(Address, Group, "second", [Queue], CancellationToken.None));
        await brokers.UnlockAsync(Address, Group, "first", [Queue], CancellationToken.None);
        Assert.Equal([Queue], await brokers.LockAsync(Address, Group, "second", [Queue], CancellationToken.None));
    }

    private protected abstract string Address { get; }

    private protected abstract IBrokers Create();

    private protected abstract Task StoreAsync(int messages);

    private async Task<PullResult> PullAsync(IBrokers brokers, PullRequest request)
        => await brokers.PullAsync(Address, request, timeout: null, CancellationToken.None);
}
