using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>What a queue takes along when it moves: nothing that is done is handed out again, nothing else is left out.</summary>
public sealed class AckSnapshotTests
{
    private const int Messages = 60;

    [Fact]
    public void A_queue_that_has_not_begun_is_wholly_undone()
    {
        var progress = new ProcessQueue(40).Snapshot();

        Assert.Equal(40, progress.Watermark);
        Assert.True(progress.IsDone(39));
        Assert.False(progress.IsDone(40));
    }

    [Fact]
    public void What_was_done_behind_an_unfinished_message_is_not_done_again()
    {
        var window = new ProcessQueue(0);
        window.Add([.. Enumerable.Range(0, 10).Select(offset => TestMessages.At(offset))], pulledTo: 10);
        window.Lease(1);
        window.Lease(5).Complete();

        var next = new ProcessQueue(window.Snapshot());
        next.Add([.. Enumerable.Range(0, 10).Select(offset => TestMessages.At(offset))], pulledTo: 10);

        Assert.Equal([0, 6, 7, 8, 9], next.Lease(10).Messages.Select(message => (int)message.QueueOffset));
    }

    /// <summary>However often a queue moves, and however far each of its windows comes, every message is done exactly once.</summary>
    [Fact]
    [Trait("Length", "Long")]
    public void Over_any_number_of_moves_each_message_is_done_once()
    {
        var steps = Gen.Choose(0, 10_000).ListOf(150).ToArbitrary();
        Check.QuickThrowOnFailure(Prop.ForAll(steps, choices =>
        {
            var done = new HashSet<long>();
            var window = new ProcessQueue(0);
            var inWork = new List<ProcessQueueRange>();
            var pulledTo = 0;
            foreach (var choice in choices)
            {
                switch (choice % 8)
                {
                    case 0:
                        var progress = window.Snapshot();
                        Assert.All(done, offset => Assert.True(progress.IsDone(offset)));
                        Assert.All(Enumerable.Range(0, Messages), offset => Assert.Equal(done.Contains(offset), progress.IsDone(offset)));
                        (window, pulledTo) = (new ProcessQueue(progress), (int)progress.Watermark);
                        inWork.Clear();
                        break;
                    case <= 2:
                        pulledTo = Pull(window, pulledTo, 1 + (choice % 13));
                        break;
                    case <= 4:
                        if (window.Lease(1 + (choice % 5)) is { IsEmpty: false } range)
                        {
                            inWork.Add(range);
                        }

                        break;
                    default:
                        if (inWork.Count > 0)
                        {
                            var finished = inWork[choice % inWork.Count];
                            inWork.Remove(finished);
                            finished.Complete();
                            Assert.All(finished.Messages, message => Assert.True(done.Add(message.QueueOffset)));
                        }

                        break;
                }
            }
        }));
    }

    /// <summary>Somebody else's word that everything below an offset is done adds exactly that.</summary>
    [Fact]
    public void Progress_from_a_later_offset_says_what_both_say()
    {
        var cases = Gen.Choose(0, 30).SelectMany(watermark => Gen.Choose(0, 20).SelectMany(seen =>
            Gen.Elements(true, false).ArrayOf(seen).SelectMany(open => Gen.Choose(0, 60).Select(offset => (watermark, open, offset))))).ToArbitrary();
        Check.QuickThrowOnFailure(Prop.ForAll(cases, one =>
        {
            var unfinished = one.open.Select((isOpen, index) => (isOpen, Offset: (long)one.watermark + index)).Where(message => message.isOpen).Select(message => message.Offset).ToArray();
            var progress = new AckSnapshot(unfinished.Length == 0 ? one.watermark + one.open.Length : unfinished[0], one.watermark + one.open.Length, unfinished);

            var from = progress.From(one.offset);

            Assert.All(Enumerable.Range(0, 90), offset => Assert.Equal(offset < one.offset || progress.IsDone(offset), from.IsDone(offset)));
            Assert.False(from.IsDone(from.Watermark));
            Assert.Equal(Enumerable.Range(0, 90).Any(offset => offset >= progress.Watermark && progress.IsDone(offset)), progress.HasDoneBeyond(progress.Watermark));
        }));
    }

    private static int Pull(ProcessQueue window, int from, int count)
    {
        var to = Math.Min(Messages, from + count);
        window.Add([.. Enumerable.Range(from, to - from).Select(offset => TestMessages.At(offset))], to);
        return to;
    }
}
