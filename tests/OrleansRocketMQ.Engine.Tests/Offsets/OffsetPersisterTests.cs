using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Tests.Support;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Tests.Offsets;

/// <summary>Every queue that can be stored is stored in time, whatever becomes of the others.</summary>
public sealed class OffsetPersisterTests
{
    private readonly Stepped _world = new();
    private readonly LogLines _log = new();
    private readonly List<StoredQueue> _queues = [];
    private readonly ConsumerOptions _options = new() { Group = "g", PersistInterval = TimeSpan.FromSeconds(5), PersistBatchSize = 3 };
    private int _inWork;
    private int _mostInWork;

    [Fact]
    public void Each_queue_is_stored_once_in_each_interval_and_not_before()
    {
        Add("a", 2);
        Start();

        _world.Wait(4.9);
        Assert.Equal([0, 0], Commits());
        _world.Wait(0.1);
        Assert.Equal([1, 1], Commits());
        _world.Wait(10);
        Assert.Equal([3, 3], Commits());
        Assert.Empty(_log.Ids);
    }

    /// <summary>Finding M1.</summary>
    [Theory]
    [InlineData(ResponseCodes.TopicNotExist)]
    [InlineData(ResponseCodes.SystemError)]
    [InlineData(null)]
    public void A_queue_that_is_refused_keeps_no_other_queue_of_its_broker_from_being_stored(int? code)
    {
        Add("a", 40);
        _queues[0].Fault = code is { } refusal ? FakeBrokers.Refusal(refusal) : new OffsetException(_queues[0].Queue, "broken");
        Start();

        _world.Wait(25);

        Assert.All(_queues.Skip(1), queue => Assert.Equal(5, queue.Commits));

        // It is tried after 5, 10 and 20 s: left alone for longer and longer.
        Assert.Equal(3, _queues[0].Commits);
        Assert.Equal([144, 144, 144], _log.Ids);
        Assert.Contains("1 queues at broker a", _log.Texts[0], StringComparison.Ordinal);
    }

    [Fact]
    public void A_refused_queue_that_is_stored_again_is_stored_in_each_interval_and_one_that_has_gone_is_forgotten()
    {
        Add("a", 2);
        _queues[0].Fault = FakeBrokers.Refusal(ResponseCodes.TopicNotExist);
        Start();
        _world.Wait(10);
        Assert.Equal(2, _queues[0].Commits);
        _queues[0].Fault = null;

        _world.Wait(10);
        Assert.Equal(3, _queues[0].Commits);
        _world.Wait(5);
        Assert.Equal(4, _queues[0].Commits);

        // It is refused, goes, and comes back within its rest: nothing is held against it.
        _queues[0].Fault = FakeBrokers.Refusal(ResponseCodes.TopicNotExist);
        _world.Wait(20);
        Assert.Equal(7, _queues[0].Commits);
        var gone = _queues[0];
        _queues.RemoveAt(0);
        _world.Wait(5);
        gone.Fault = null;
        _queues.Add(gone);
        var before = gone.Commits;
        _world.Wait(5);
        Assert.Equal(before + 1, gone.Commits);
    }

    [Theory]
    [InlineData(ResponseCodes.SystemBusy)]
    [InlineData(ResponseCodes.FlowControl)]
    [InlineData(ResponseCodes.ServiceNotAvailable)]
    [InlineData(null)]
    public void A_broker_that_does_not_answer_or_asks_for_patience_is_left_alone_as_a_whole_and_others_are_not(int? code)
    {
        Add("a", 7);
        Add("b", 1);
        foreach (var queue in _queues.Take(7))
        {
            queue.Fault = code is { } refusal ? FakeBrokers.Refusal(refusal) : new BrokerNotAvailableException("away");
        }

        Start();
        _world.Wait(5);

        // The first of them have shown it; the others are not tried.
        Assert.Equal([1, 1, 1, 0, 0, 0, 0, 1], Commits());
        Assert.Equal([141], _log.Ids);
        Assert.Contains("00:00:05", _log.Texts[0], StringComparison.Ordinal);

        _world.Wait(95);

        // After 5, 10, 20, 40, 70 and 100 s: never longer than 30 s apart.
        Assert.Equal([6, 6, 6, 0, 0, 0, 0, 20], Commits());
        Assert.Equal(6, _log.Count(141));
    }

    [Fact]
    public void A_broker_that_answers_again_is_asked_in_each_interval_as_before()
    {
        Add("a", 1);
        _queues[0].Fault = new BrokerNotAvailableException("away");
        Start();
        _world.Wait(20);
        Assert.Equal(3, _queues[0].Commits);
        _queues[0].Fault = null;

        _world.Wait(20);
        Assert.Equal(4, _queues[0].Commits);
        _world.Wait(10);
        Assert.Equal(6, _queues[0].Commits);

        _queues[0].Fault = new BrokerNotAvailableException("away");
        _world.Wait(10);
        Assert.Equal(8, _queues[0].Commits);
    }

    [Fact]
    public void No_more_than_a_batch_of_queues_is_stored_at_a_broker_at_once_and_other_brokers_do_not_wait()
    {
        Add("a", 5);
        Add("b", 1);
        var answer = new TaskCompletionSource();
        foreach (var queue in _queues.Take(5))
        {
            queue.Answer = answer.Task;
        }

        Start();
        _world.Wait(20);
        Assert.Equal([1, 1, 1, 0, 0, 4], Commits());

        answer.SetResult();
        _world.Steps.Run();
        Assert.Equal([1, 1, 1, 1, 1, 4], Commits());
        Assert.Equal(3, _mostInWork);
    }

    [Fact]
    public void A_round_that_fails_is_followed_by_another_one()
    {
        Add("a", 1);
        var fails = true;
        var persister = new OffsetPersister(
            _options, () => fails
                ? throw new InvalidOperationException("unexpected")
                : _queues, _world.Runtime, _log.For<OffsetPersister>());
        persister.Start();
        _world.Steps.Run();

        _world.Wait(10);
        Assert.Equal([291, 291], _log.Ids);
        fails = false;
        _world.Wait(5);

        Assert.Equal(1, _queues[0].Commits);
    }

    [Fact]
    public void A_stop_waits_for_what_is_being_stored_and_begins_nothing_more()
    {
        Add("a", 5);
        var answer = new TaskCompletionSource();
        foreach (var queue in _queues)
        {
            queue.Answer = answer.Task;
        }

        var persister = Start();
        _world.Wait(5);
        var stopping = _world.Begin(persister.StopAsync);
        Assert.False(stopping.IsCompleted);

        answer.SetResult();
        _world.Steps.Run();

        Assert.True(stopping.IsCompletedSuccessfully);
        Assert.Equal([1, 1, 1, 0, 0], Commits());
        _world.Wait(20);
        Assert.Equal([1, 1, 1, 0, 0], Commits());
        Assert.Empty(_log.Ids);
    }

    private OffsetPersister Start()
    {
        var persister = new OffsetPersister(_options, () => _queues, _world.Runtime, _log.For<OffsetPersister>());
        persister.Start();
        _world.Steps.Run();
        return persister;
    }

    private int[] Commits() => [.. _queues.Select(queue => queue.Commits)];

    private void Add(string broker, int count)
        => _queues.AddRange(Enumerable.Range(0, count).Select(number => new StoredQueue(this, new("t", broker, number))));

    private sealed class StoredQueue(OffsetPersisterTests test, MessageQueue queue) : IStoredQueue
    {
        public MessageQueue Queue => queue;

        public string Broker => queue.BrokerName;

        public bool MayHaveNews { get; set; } = true;

        public int Commits { get; private set; }

        public Exception? Fault { get; set; }

        public Task Answer { get; set; } = Task.CompletedTask;

        public async Task CommitAsync()
        {
            Commits++;
            if (!Answer.IsCompleted)
            {
                test._mostInWork = Math.Max(test._mostInWork, ++test._inWork);
                await Answer;
                test._inWork--;
            }

            if (Fault is { } fault)
            {
                throw fault;
            }
        }
    }
}
