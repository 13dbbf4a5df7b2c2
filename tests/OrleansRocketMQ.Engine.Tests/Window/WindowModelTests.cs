using FsCheck;
using FsCheck.Fluent;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Window;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Engine.Tests.Window;

/// <summary>The window against a list of messages that says of each where it is.</summary>
public sealed class WindowModelTests
{
    private const int BodyLength = 8;

    [Fact]
    [Trait("Length", "Long")]
    public void Whatever_becomes_of_leases_the_watermark_passes_nothing_unfinished_and_all_quotas_are_given_back()
    {
        var steps = Gen.Choose(0, 100_000).ListOf(250).ToArbitrary();
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(300), Prop.ForAll(steps, choices => new Run().Steps(choices)));
    }

    /// <summary>The same for some orders that are always the same ones, in no time.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void It_is_so_for_some_orders_of_steps(int seed)
    {
        var random = new System.Random(seed);
        new Run().Steps(Enumerable.Range(0, 250).Select(_ => random.Next(100_000)).ToArray());
    }

    private enum State
    {
        Waiting,
        Leased,
        SetAside,
        Returned,
    }

    private sealed record Held(ProcessQueue Window, MessageExt Message)
    {
        public State State { get; set; }
    }

    private sealed class Run
    {
        private readonly QueueQuotas _budgets = new(new(long.MaxValue), new(long.MaxValue), new(long.MaxValue), new(long.MaxValue));
        private readonly DispatchBuffer _runs;
        private readonly QueueQuotaUsage _holdings;
        private readonly List<Held> _messages = [];
        private readonly List<ProcessQueueRange> _leases = [];
        private readonly List<ProcessQueueRange> _aside = [];
        private readonly HashSet<long> _done = [];
        private long _pulledTo;
        private long _watermark;

        public Run()
        {
            _holdings = new QueueQuotaUsage(_budgets);
            _runs = new DispatchBuffer(new ProcessQueue(0, _holdings));
        }

        public void Steps(IEnumerable<int> choices)
        {
            foreach (var choice in choices)
            {
                Step(choice % 12, choice / 12);
                Check();
            }

            foreach (var range in _leases.ToArray())
            {
                EndLease(range, ended => ended.Window.Complete(ended));
                Forget(range);
            }

            _runs.Restart(new ProcessQueue(_pulledTo, _holdings));
            Assert.Equal((0, 0, 0, 0), (_budgets.Group.Used, _budgets.Topic.Used, _budgets.TopicBytes.Used, _budgets.SiloBytes.Used));
        }

        private void Step(int what, int choice)
        {
            switch (what)
            {
                case 0 or 1:
                    Pull(choice % 30);
                    break;
                case 2 or 3:
                    Lease(1 + (choice % 9));
                    break;
                case 4:
                    TakeAside(1 + (choice % 9));
                    break;
                case 5 when _aside.Count > 0:
                    LeaseAside(_aside[choice % _aside.Count], choice);
                    break;
                case 6 or 7 when _leases.Count > 0:
                    Complete(Part(_leases[choice % _leases.Count], choice));
                    break;
                case 8 when _leases.Count > 0:
                    Return(Part(_leases[choice % _leases.Count], choice));
                    break;
                case 9 when _leases.Count > 0:
                    SetAside(Part(_leases[choice % _leases.Count], choice));
                    break;
                case 10 when _aside.Count > 0 && choice % 2 == 0:
                    CompleteAside(_aside[choice % _aside.Count]);
                    break;
                case 10:
                    DropWaiting();
                    break;
                case 11 when choice % 4 == 0:
                    Restart(choice % 50);
                    break;
            }
        }

        private void Check()
        {
            var window = _runs.Window;
            var mine = Of(window).ToArray();
            Assert.Equal(mine.Length, window.Count);
            Assert.Equal(mine.Count(held => held.State == State.Leased), window.InFlight);
            Assert.Equal(mine.Count(held => held.State is State.Waiting or State.Returned), window.Waiting);
            Assert.Equal(mine.Length * BodyLength, window.Bytes);
            Assert.Equal(mine.Length == 0 ? _pulledTo : mine.Min(held => held.Message.QueueOffset), window.Watermark);
            Assert.True(window.Watermark >= _watermark);
            _watermark = window.Watermark;
            Assert.Equal(_messages.Count, _budgets.Group.Used);
            Assert.Equal(_messages.Count, _budgets.Topic.Used);
            Assert.Equal(_messages.Count * BodyLength, _budgets.TopicBytes.Used);

            // What stays in memory: whole pulls.
            Assert.Equal(_messages.GroupBy(held => (held.Window, held.Message.Buffer)).Sum(pull => pull.Key.Buffer.Length), _budgets.SiloBytes.Used);
            var progress = window.Snapshot();
            Assert.All(_done, offset => Assert.True(progress.IsDone(offset)));
            Assert.All(mine, held => Assert.False(progress.IsDone(held.Message.QueueOffset)));
            Assert.True(window.MayHaveDoneBeyond(_watermark) || !progress.HasDoneBeyond(_watermark));
            Assert.True(window.MayHaveDoneBeyond(_watermark - 1));
        }

        private IEnumerable<Held> Of(ProcessQueue window) => _messages.Where(held => ReferenceEquals(held.Window, window));

        private Held Find(ProcessQueueRange range, MessageExt message)
            => _messages.Single(held => ReferenceEquals(held.Window, range.Window) && ReferenceEquals(held.Message, message));

        private static ProcessQueueRange Part(ProcessQueueRange range, int choice) => range.Slice(choice % range.Messages.Count, 1 + (choice % (range.Messages.Count - (choice % range.Messages.Count))));

        private void Pull(int count)
        {
            // Offsets have gaps.
            var offsets = Enumerable.Range(0, count).Select(index => _pulledTo + (index * 2) + (index % 3 == 0 ? 0 : 1)).ToArray();
            var pulled = TestMessages.Pull(offsets, BodyLength);
            _pulledTo = count == 0 ? _pulledTo + 1 : offsets[^1] + 2;
            Assert.Equal(count, _runs.Window.Add(pulled, _pulledTo));
            _messages.AddRange(pulled.Select(message => new Held(_runs.Window, message)));
        }

        private void Lease(int most)
        {
            var range = _runs.Lease(most);
            Assert.Equal(Of(_runs.Window).Any(held => held.State is State.Waiting or State.Returned), !range.IsEmpty);
            if (!range.IsEmpty)
            {
                foreach (var message in range.Messages)
                {
                    var held = Find(range, message);
                    Assert.True(held.State is State.Waiting or State.Returned);
                    held.State = State.Leased;
                }

                _leases.Add(range);
            }
        }

        private void TakeAside(int most)
        {
            var range = _runs.Window.TakeAside(most);
            if (!range.IsEmpty)
            {
                foreach (var message in range.Messages)
                {
                    Assert.Equal(State.Waiting, Find(range, message).State);
                    Find(range, message).State = State.SetAside;
                }

                _aside.Add(range);
            }
        }

        private void LeaseAside(ProcessQueueRange range, int choice)
        {
            _aside.Remove(range);
            var leased = choice % 2 == 0
                ? range.Window.LeaseAside(range)
                : range.Window.LeaseAside([.. Enumerable.Range(0, range.Messages.Count).Select(index => range.Place + index)]);
            Assert.Equal(ReferenceEquals(range.Window, _runs.Window) ? range.Messages.Count : 0, leased);
            if (leased > 0)
            {
                _leases.Add(range);
                Mark(range, State.SetAside, State.Leased);
            }
        }

        private void Complete(ProcessQueueRange part)
        {
            EndLease(part, ended => ended.Window.Complete(ended));
            Forget(part);
        }

        private void Return(ProcessQueueRange part)
        {
            EndLease(part, ended => ended.Window.Return(ended));
            if (ReferenceEquals(part.Window, _runs.Window))
            {
                Mark(part, State.Leased, State.Returned);
            }
            else
            {
                Remove(part);
            }
        }

        private void SetAside(ProcessQueueRange part)
        {
            var isKept = ReferenceEquals(part.Window, _runs.Window);
            EndLease(part, ended => Assert.Equal(isKept, ended.Window.SetAside(ended)));
            if (isKept)
            {
                Mark(part, State.Leased, State.SetAside);
                _aside.Add(part);
            }
            else
            {
                Remove(part);
            }
        }

        private void CompleteAside(ProcessQueueRange range)
        {
            _aside.Remove(range);
            range.Window.CompleteAside(range);
            if (ReferenceEquals(range.Window, _runs.Window))
            {
                Forget(range);
            }
        }

        private void DropWaiting()
        {
            var dropped = Of(_runs.Window).Where(held => held.State == State.Waiting).ToArray();
            _runs.DropWaiting();
            if (dropped.Length > 0)
            {
                _messages.RemoveAll(dropped.Contains);
                _pulledTo = dropped[0].Message.QueueOffset;
            }
        }

        private void Restart(int back)
        {
            // As a seek does: back, so that the same offsets come once more.
            var former = _runs.Window;
            var offset = Math.Max(0, _runs.Window.Watermark - back);
            _runs.Restart(new ProcessQueue(offset, _holdings));
            _messages.RemoveAll(held => ReferenceEquals(held.Window, former) && held.State != State.Leased);
            _done.RemoveWhere(done => done >= offset);
            (_pulledTo, _watermark) = (offset, offset);
        }

        /// <summary>Ends a part of a lease; what is left of it stays leased, and the part ends no second time.</summary>
        private void EndLease(ProcessQueueRange part, Action<ProcessQueueRange> end)
        {
            var lease = _leases.Single(one => ReferenceEquals(one.Window, part.Window) && one.Place <= part.Place && part.Place < one.Place + one.Messages.Count);
            _leases.Remove(lease);
            end(part);
            var before = (int)(part.Place - lease.Place);
            foreach (var rest in new[] { lease.Slice(0, before), lease.Slice(before + part.Messages.Count, lease.Messages.Count - before - part.Messages.Count) })
            {
                if (!rest.IsEmpty)
                {
                    _leases.Add(rest);
                }
            }
        }

        private void Mark(ProcessQueueRange range, State from, State to)
        {
            foreach (var message in range.Messages)
            {
                var held = Find(range, message);
                Assert.Equal(from, held.State);
                held.State = to;
            }
        }

        private void Forget(ProcessQueueRange range)
        {
            if (ReferenceEquals(range.Window, _runs.Window))
            {
                _done.UnionWith(range.Messages.Select(message => message.QueueOffset));
            }

            Remove(range);
        }

        private void Remove(ProcessQueueRange range)
            => _messages.RemoveAll(held => ReferenceEquals(held.Window, range.Window) && range.Messages.Contains(held.Message));
    }
}
