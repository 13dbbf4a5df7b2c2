using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Locks;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Locks;

/// <summary>
/// A queue in order is one member's at a time, also when another one is declared dead: it may live, cut off from its fellows
/// only (finding M4).
/// </summary>
public sealed class QueueLocksTests
{
    private const string Dead = "10.0.0.9@dead";

    private static readonly MessageQueue Queue = new("orders", "broker-a", 0);
    private static readonly MessageQueue Other = new("orders", "broker-a", 1);

    private readonly Stepped _world = new();
    private readonly LogLines _log = new();
    private readonly List<string> _dead = [];
    private readonly FakeBrokers _brokers;
    private readonly FakeRoutes _routes = new();
    private readonly QueueLocks _locks;

    public QueueLocksTests()
    {
        _brokers = new(_world.Time);
        _locks = new(
            new ConsumerOptions { Group = "g" }, new Lockers("me", _brokers, _routes), () => _dead, _world.Runtime, _log.For<QueueLocks>());
    }

    [Fact]
    public void The_lock_of_a_dead_member_no_broker_is_connected_with_is_taken_over_at_once()
    {
        HeldBy(Dead, Queue);
        _dead.Add(Dead);

        var wanted = Add(Queue);

        Assert.True(wanted.IsHeld);
        Assert.Equal("me", _brokers.HolderOf(Queue));
    }

    [Fact]
    public void A_broker_that_has_taken_another_ones_place_is_asked_for_the_locks_at_once()
    {
        var wanted = Add(Queue);
        _routes.Instead["broker-a"] = new("broker-a", 0, "new:10911");
        _locks.OnRoutes();
        _world.Steps.Run();
        _locks.OnRoutes();
        _world.Steps.Run();

        Assert.Equal(["broker-a:10911", "new:10911"], _brokers.Calls.Where(call => call.Call == "lock").Select(call => call.Address));
        Assert.True(wanted.IsHeld);
    }

    [Fact]
    public void An_answer_of_the_old_broker_does_not_keep_the_new_one_from_being_asked_at_once()
    {
        var answer = new TaskCompletionSource();
        _brokers.Holds["lock"] = answer.Task;
        var wanted = Add(Queue);
        _routes.Instead["broker-a"] = new("broker-a", 0, "new:10911");
        _locks.OnRoutes();
        answer.SetResult();
        _world.Steps.Run();

        Assert.Equal(["broker-a:10911", "new:10911"], _brokers.Calls.Where(call => call.Call == "lock").Select(call => call.Address));
        Assert.True(wanted.IsHeld);
    }

    [Fact]
    public void Logical_queues_are_locked_each_by_itself()
    {
        Add(new MessageQueue("orders", "__syslo__global__", 0));
        Add(new MessageQueue("orders", "__syslo__global__", 1));

        Assert.Equal(2, _brokers.CountOf("lock"));
    }

    [Fact]
    public void A_dead_member_that_its_broker_is_connected_with_has_the_time_of_a_renewal_and_the_lock_is_nobodys_until_then()
    {
        HeldBy(Dead, Queue);
        _brokers.Members.Add(Dead);
        _dead.Add(Dead);
        var wanted = Add(Queue);
        Assert.Null(_brokers.HolderOf(Queue));
        var asked = _brokers.CountOf("lock");

        // A lock is renewed every 20 s.
        _world.Wait(20.9);
        Assert.Equal((false, asked), (wanted.IsHeld, _brokers.CountOf("lock")));
        _world.Wait(0.2);

        Assert.True(wanted.IsHeld);
        Assert.Equal("me", _brokers.HolderOf(Queue));
    }

    [Fact]
    public void A_dead_member_that_lives_and_renews_its_lock_keeps_it_and_is_not_asked_for_it_again()
    {
        HeldBy(Dead, Queue);
        _brokers.Members.Add(Dead);
        _dead.Add(Dead);
        var wanted = Add(Queue);
        _world.Wait(10);
        HeldBy(Dead, Queue);

        _world.Wait(120);

        Assert.Equal((false, Dead), (wanted.IsHeld, _brokers.HolderOf(Queue)));
        Assert.Equal(1, _brokers.CountOf("unlock"));
    }

    [Fact]
    public void A_dead_members_lock_that_could_not_be_given_back_is_given_back_with_the_next_attempt()
    {
        HeldBy(Dead, Queue);
        _dead.Add(Dead);
        var fails = true;
        _brokers.Faults["unlock"] = () => fails ? new BrokerNotAvailableException("away") : null;
        var wanted = Add(Queue);
        Assert.Equal((false, 1), (wanted.IsHeld, _log.Count(165)));

        fails = false;
        _world.Wait(1.1);

        Assert.True(wanted.IsHeld);
    }

    [Fact]
    public void However_many_are_dead_all_are_freed_from_at_once_and_renewals_wait_for_none_of_them()
    {
        var held = Add(Other);
        Assert.True(held.IsHeld);
        HeldBy("10.0.0.1@living", Queue);
        _dead.AddRange(["10.0.0.7@dead", "10.0.0.8@dead", Dead]);
        _brokers.Holds["unlock"] = new TaskCompletionSource().Task;
        Add(Queue);
        Assert.Equal(3, _brokers.CountOf("unlock"));

        // More than a lock counts without a renewal.
        _world.Wait(65);

        Assert.True(held.IsHeld);
        Assert.False(HoldOf(held).Lost.IsCancellationRequested);
        Assert.Equal(3, _brokers.CountOf("unlock"));
    }

    [Fact]
    public void All_locks_of_a_broker_are_renewed_in_one_request_and_one_that_is_not_renewed_in_time_is_lost()
    {
        var (first, second) = (Add(Queue), Add(Other));
        Assert.Equal(2, _brokers.CountOf("lock"));
        var hold = HoldOf(first);

        // Its end by time is told by a timer, whose thread would end the process.
        hold.Lost.Register(static () => throw new InvalidOperationException("of a listener"));
        _world.Wait(20.1);
        Assert.Equal(3, _brokers.CountOf("lock"));

        _brokers.Faults["lock"] = static () => new BrokerNotAvailableException("away");
        _world.Wait(29.5);
        Assert.True(first.IsHeld && second.IsHeld && hold.IsValid);
        _world.Wait(1);
        Assert.False(first.IsHeld || second.IsHeld || hold.IsValid);
        Assert.True(hold.Lost.IsCancellationRequested);

        _brokers.Faults.Clear();
        _world.Wait(1.1);
        Assert.True(first.IsHeld && second.IsHeld);
        Assert.False(hold.IsValid);
    }

    [Fact]
    public void What_a_listener_has_registered_with_the_token_of_a_lost_lock_may_throw_and_the_lock_is_taken_again()
    {
        var wanted = Add(Queue);
        var hold = HoldOf(wanted);
        hold.Lost.Register(static () => throw new InvalidOperationException("of a listener"));
        _world.Do(() => _brokers.UnlockAsync("broker-a:10911", "g", "me", [Queue], CancellationToken.None));
        HeldBy("10.0.0.1@living", Queue);

        _world.Wait(20.1);
        Assert.Equal((false, true), (wanted.IsHeld, hold.Lost.IsCancellationRequested));
        Assert.Equal((1, 0), (_log.Count(162), _log.Count(166)));

        _world.Do(() => _brokers.UnlockAsync("broker-a:10911", "g", "10.0.0.1@living", [Queue], CancellationToken.None));
        _world.Wait(1.1);
        Assert.True(wanted.IsHeld);
    }

    [Fact]
    public void Locks_that_are_given_back_together_go_in_as_few_requests_as_a_broker_that_is_slow_lets_them()
    {
        var locks = new[] { Add(Queue), Add(Other), Add(Queue with { QueueId = 2 }) };
        var slow = new TaskCompletionSource();
        _brokers.Holds["unlock"] = slow.Task;

        var released = Task.WhenAll(locks.Select(queueLock => _world.Begin(() => _locks.ReleaseAsync(queueLock))));
        Assert.Equal((1, false), (_brokers.CountOf("unlock"), released.IsCompleted));
        slow.SetResult();
        _world.Steps.Run();

        Assert.True(released.IsCompletedSuccessfully);
        Assert.Equal(2, _brokers.CountOf("unlock"));
        Assert.All(locks, queueLock => Assert.Null(_brokers.HolderOf(queueLock.Queue)));
        Assert.All(locks, queueLock => Assert.False(queueLock.IsHeld));
        _world.Do(_locks.StopAsync);
    }

    private QueueLock Add(MessageQueue queue)
    {
        var added = _locks.Add(queue);
        _world.Steps.Run();
        return added;
    }

    private QueueLockLease HoldOf(QueueLock held) => _world.Get(() => held.WaitAsync(CancellationToken.None));

    private void HeldBy(string member, MessageQueue queue)
        => Assert.Single(_world.Get(() => _brokers.LockAsync("broker-a:10911", "g", member, [queue], CancellationToken.None)));
}
