using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Tests.Support;

namespace OrleansRocketMQ.Engine.Tests.Checkpoints;

/// <summary>Checkpoints are written in time where the storage takes them, and where it does not, it is left alone.</summary>
public sealed class GroupCheckpointsTests
{
    private readonly Stepped _world = new();
    private readonly LogLines _log = new();
    private readonly FakeRecords<CheckpointRecord> _records = new();
    private readonly List<CheckpointedQueue> _queues = [];
    private readonly GroupCheckpoints _checkpoints;

    public GroupCheckpointsTests() => _checkpoints = new(
        new ConsumerOptions { Group = "g", CheckpointInterval = TimeSpan.FromSeconds(1) },
        _records,
        _world.Runtime,
        _log.For<GroupCheckpoints>());

    [Fact]
    public void Each_queue_is_asked_once_in_each_interval_and_not_before()
    {
        Add(3);
        Start();

        _world.Wait(0.9);
        Assert.Equal([0, 0, 0], Writes());
        _world.Wait(0.1);
        Assert.Equal([1, 1, 1], Writes());
        _world.Wait(2);
        Assert.Equal([3, 3, 3], Writes());
        Assert.Empty(_log.Ids);
    }

    [Fact]
    public void One_record_that_cannot_be_written_is_left_alone_for_longer_and_longer_and_the_others_are_written_on()
    {
        Add(4);
        _queues[1].Fault = new InvalidOperationException("broken");
        Start();

        _world.Wait(15);

        Assert.Equal([15, 4, 15, 15], Writes());
        Assert.Equal([221, 221, 221, 221], _log.Ids);
        Assert.Contains("1 of its queues", _log.Texts[0], StringComparison.Ordinal);

        _queues[1].Fault = null;
        _world.Wait(1);
        Assert.Equal([16, 5, 16, 16], Writes());
        _world.Wait(1);
        Assert.Equal([17, 6, 17, 17], Writes());
    }

    /// <summary>A few are written at once, and those behind the broken one are in other portions.</summary>
    [Fact]
    public void One_record_that_cannot_be_written_keeps_none_of_those_behind_it_from_being_written()
    {
        Add(40);
        _queues[1].Fault = new InvalidOperationException("broken");
        Start();

        _world.Wait(1);

        Assert.All(Writes(), count => Assert.Equal(1, count));
    }

    [Fact]
    public void A_record_of_one_queue_alone_says_nothing_of_the_storage()
    {
        Add(1);
        _queues[0].Fault = new InvalidOperationException("broken");
        Start();
        _world.Wait(2);
        Add(1);

        _world.Wait(1);

        Assert.Equal([2, 1], Writes());
    }

    [Fact]
    public void A_storage_that_takes_nothing_is_left_alone_as_a_whole_and_after_a_few_attempts()
    {
        Add(40);
        _queues.ForEach(queue => queue.Fault = new InvalidOperationException("away"));
        Start();

        _world.Wait(1);
        Assert.Equal((16, 24), (Writes().Count(count => count == 1), Writes().Count(count => count == 0)));
        _world.Wait(1);
        Assert.Equal(32, Writes().Sum());

        // Now two rounds on end have failed: the next one comes after 2 s, the one after that after 4.
        _world.Wait(1);
        Assert.Equal(32, Writes().Sum());
        _world.Wait(1);
        Assert.True(Writes().Sum() > 32);
        _queues.ForEach(queue => queue.Fault = null);
        _world.Wait(60);
        Assert.All(_queues, queue => Assert.True(queue.Writes > 10));
    }

    [Fact]
    public void A_few_are_written_at_once_so_that_the_storage_sets_the_pace()
    {
        Add(20);
        var answer = new TaskCompletionSource<bool>();
        _queues.ForEach(queue => queue.Answer = answer.Task);
        Start();

        _world.Wait(5);
        Assert.Equal(16, Writes().Sum());
        answer.SetResult(true);
        _world.Steps.Run();

        Assert.Equal(20, Writes().Sum());
    }

    [Fact]
    public void A_storage_that_does_not_answer_is_given_up_after_half_a_minute()
    {
        Add(2);
        _queues[0].Answer = new TaskCompletionSource<bool>().Task;
        Start();

        _world.Wait(30.9);
        Assert.Equal([1, 1], Writes());
        _world.Wait(2);

        Assert.Equal([221], _log.Ids);
        Assert.Equal(2, _queues[1].Writes);
    }

    [Fact]
    public void A_round_that_fails_is_told_of_and_followed_by_another_one_a_little_later_each_time()
    {
        Add(1);
        var (rounds, fails) = (0, true);
        _checkpoints.Start(() =>
        {
            rounds++;
            return fails ? throw new InvalidOperationException("unexpected") : _queues;
        });
        _world.Steps.Run();

        _world.Wait(8);
        Assert.Equal(4, rounds);
        Assert.Equal([224, 224, 224, 224], _log.Ids);
        fails = false;
        _world.Wait(8);
        Assert.Equal(1, _queues[0].Writes);
        _world.Wait(2);
        Assert.Equal(3, _queues[0].Writes);
    }

    [Fact]
    public void A_stop_ends_it_at_once_even_while_the_storage_does_not_answer()
    {
        Add(1);
        Start();
        _world.Wait(1);
        _queues[0].Answer = new TaskCompletionSource<bool>().Task;
        _world.Wait(1);

        Assert.True(_world.Begin(_checkpoints.StopAsync).IsCompletedSuccessfully);

        _world.Wait(60);
        Assert.Equal([2], Writes());
        Assert.Empty(_log.Ids);
    }

    [Fact]
    public void A_queue_that_has_gone_is_not_held_its_failures_against_when_it_comes_back()
    {
        Add(3);
        _queues[0].Fault = new InvalidOperationException("broken");
        Start();
        _world.Wait(4);
        var gone = _queues[0];
        var before = gone.Writes;
        _queues.RemoveAt(0);
        _world.Wait(1);
        _queues.Add(gone);
        _world.Wait(1);

        Assert.Equal(before + 1, gone.Writes);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Where_only_this_member_sees_the_records_there_may_be_one_of_an_earlier_stay(bool isLocal)
    {
        _records.IsLocal = isLocal;

        Assert.Equal(isLocal, _checkpoints.AreLocal);
        Assert.Equal(isLocal, _checkpoints.Open(new("t", "b", 0)).MayExist);
    }

    private void Start()
    {
        _checkpoints.Start(() => _queues);
        _world.Steps.Run();
    }

    private int[] Writes() => [.. _queues.Select(queue => queue.Writes)];

    private void Add(int count)
        => _queues.AddRange(Enumerable.Range(_queues.Count, count).Select(number => new CheckpointedQueue(new("t", "b", number))));

    private sealed class CheckpointedQueue(MessageQueue queue) : ICheckpointedQueue
    {
        public MessageQueue Queue => queue;

        public bool MayHaveCheckpointNews { get; set; } = true;

        public int Writes { get; private set; }

        public Exception? Fault { get; set; }

        public Task<bool> Answer { get; set; } = Task.FromResult(true);

        public Task<bool> WriteCheckpointAsync()
        {
            Writes++;
            return Fault is { } fault ? Task.FromException<bool>(fault) : Answer;
        }
    }
}
