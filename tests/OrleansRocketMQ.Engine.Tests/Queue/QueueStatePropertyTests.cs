using OrleansRocketMQ.Engine.Queue;
using static OrleansRocketMQ.Engine.Queue.QueueEventKind;

namespace OrleansRocketMQ.Engine.Tests.Queue;

/// <summary>What holds in every state a queue can come to, whatever happens in whatever order.</summary>
[Trait("Length", "Long")]
public sealed class QueueStatePropertyTests
{
    private const int Runs = 4000;
    private const int Length = 40;
    private const long Watermark = 1000;

    private static readonly QueueEventKind[] Kinds = Enum.GetValues<QueueEventKind>();

    [Fact]
    public void Nothing_is_handed_out_while_the_queue_is_paused_fenced_without_its_lock_on_its_way_elsewhere_or_ends()
        => InEveryRun((run, state) =>
        {
            run.Holds(!(state.MayHandOut && (run.IsPaused || run.IsFenceClosed || !run.HasLock || run.IsStopped)));
            run.Holds(!(state.MayHandOut && state.Move is { IsStored: true }));
        });

    [Fact]
    public void Nothing_is_handed_out_after_the_fence_was_closed_before_the_store_shows_who_went_on()
        => InEveryRun((run, state) => run.Holds(!(state.MayHandOut && run.IsUnseen)));

    [Fact]
    public void Nothing_is_committed_while_the_queue_is_fenced_or_without_its_lock()
        => InEveryRun((run, state) => run.Holds(state.Committable(Watermark) < 0 || (!run.IsFenceClosed && run.HasLock)));

    [Fact]
    public void A_reset_is_kept_until_it_is_stored_or_somebody_wants_another_offset()
        => InEveryRun((run, state) =>
        {
            if (run.Reset is { } reset)
            {
                run.Holds(state.Move is { Reason: MoveReason.Reset, IsStored: false } move && move.Offset == reset);
            }
        });

    [Fact]
    public void No_older_offset_is_committed_once_the_queue_is_to_go_elsewhere()
        => InEveryRun((run, state) =>
        {
            if (state.Move is { } move)
            {
                run.Holds(state.Committable(Watermark) is -1 || (move.IsStored && state.Committable(Watermark) == move.Offset));
            }
        });

    [Fact]
    public void Whatever_a_queue_waits_for_ends_and_in_the_end_it_pulls()
        => InEveryRun((run, state) =>
        {
            if (state.IsStopping)
            {
                return;
            }

            // What the queue waits for comes from outside: a broker, the membership, listeners, the clock, an operator.
            for (var step = 0; state.Task != QueueTask.Pull; step++)
            {
                var next = state.Next(QueueStateTable.Event(Awaited(state), state)).State;
                run.Holds(step < 12 && next != state);
                state = next;
            }
        });

    [Fact]
    public void A_stop_ends_every_state_and_a_state_that_has_ended_stays()
        => InEveryRun((run, state) =>
        {
            var ended = state.Next(Stop).State.Next(Ended).State;
            Assert.Equal(QueuePhase.Stopped, ended.Phase);
            Assert.All(Kinds, kind => Assert.Same(ended, ended.Next(QueueStateTable.Event(kind, ended)).State));
        });

    [Fact]
    public void Whoever_asks_for_a_seek_gets_an_answer()
    {
        for (var seed = 0; seed < Runs; seed++)
        {
            var random = new Random(seed);
            var machine = new QueueStateMachine(QueueState.New(needsLock: random.Next(2) == 0), _ => { });
            var seeks = new List<SeekRequest>();
            for (var step = 0; step < Length; step++)
            {
                var kind = Kinds[random.Next(Kinds.Length)];
                if (kind == SeekAsked)
                {
                    var seek = machine.Seek(random.Next(100), out var actions);
                    if (!actions.HasFlag(QueueActions.RefuseSeek))
                    {
                        seeks.Add(seek);
                    }
                    else
                    {
                        Assert.True(seek.Done.IsCanceled, $"seed {seed}");
                    }
                }
                else
                {
                    machine.Raise(QueueStateTable.Event(kind, machine.Current));
                }
            }

            // Only the last one may still be waited for, and the end answers it.
            Assert.All(seeks.SkipLast(1), seek => Assert.True(seek.Done.IsCompleted, $"seed {seed}"));
            var isUnderWay = machine.Current is { IsStopping: false, Move.Reason: MoveReason.Seek }
                or { IsStopped: false, Move: { Reason: MoveReason.Seek, IsStored: false } };
            Assert.Equal(isUnderWay, seeks.Count > 0 && !seeks[^1].Done.IsCompleted);
            machine.Raise(Stop);
            machine.Raise(Ended);
            Assert.All(seeks, seek => Assert.True(seek.Done.IsCompleted, $"seed {seed}"));
        }
    }

    private static QueueEventKind Awaited(QueueState state) => state.Task switch
    {
        QueueTask.StoreOffset => state.Move!.Step == MoveStep.Asked ? StoreBegun : OffsetStored,
        QueueTask.WaitForLock => LockGained,
        QueueTask.FindOffset => Positioned,
        QueueTask.WaitForResume => Resumed,
        QueueTask.WaitForFence => FenceOpened,
        QueueTask.CompareWithStore => Verified,
        QueueTask.WaitForRetry => RetryDue,
        QueueTask.WaitForRecovery => Recovered,
        QueueTask.WaitForListeners => ListenersDone,
        _ => throw new InvalidOperationException($"Nothing is awaited in {state.Task}."),
    };

    /// <summary>Random events, one after the other; after each of them something is looked at.</summary>
    private static void InEveryRun(Action<Run, QueueState> look)
    {
        for (var seed = 0; seed < Runs; seed++)
        {
            var random = new Random(seed);
            var run = new Run(seed, needsLock: random.Next(2) == 0);
            for (var step = 0; step < Length; step++)
            {
                // A stop ends a run early, so it comes seldom.
                var kind = Kinds[random.Next(Kinds.Length)];
                if (kind is Stop && random.Next(5) > 0)
                {
                    continue;
                }

                run.Happen(kind, random.Next(100));
                look(run, run.State);
            }
        }
    }

    /// <summary>Remembers what has happened, as simply as can be.</summary>
    private sealed class Run(int seed, bool needsLock)
    {
        private readonly List<string> _events = [];
        private bool _isToldSince;

        public QueueState State { get; private set; } = QueueState.New(needsLock);

        public bool HasLock { get; private set; } = !needsLock;

        public bool IsPaused { get; private set; }

        public bool IsFenceClosed { get; private set; }

        public bool IsStopped { get; private set; }

        /// <summary>Whether the fence was closed since something was last asked of the store, or told to it, that was answered.</summary>
        public bool IsUnseen { get; private set; }

        /// <summary>The offset of a reset that the store does not have yet.</summary>
        public long? Reset { get; private set; }

        public void Happen(QueueEventKind kind, long offset)
        {
            var before = State;
            State = before.Next(QueueStateTable.Event(kind, before, offset)).State;
            _events.Add($"{kind} -> {QueueStateTable.Write(State)}");
            if (before.IsStopped)
            {
                return;
            }

            HasLock = kind switch { LockGained when !IsStopped => true, LockLost => !needsLock, _ => HasLock };
            IsFenceClosed = kind switch { FenceClosed => true, FenceOpened when !IsStopped => false, _ => IsFenceClosed };
            IsPaused = IsStopped ? IsPaused : kind switch { Paused => true, Resumed => false, _ => IsPaused };
            IsStopped |= kind == Stop;
            NoteWhatIsSeen(kind, before);
            Reset = kind switch
            {
                BrokerReset when before.Move is not { Reason: MoveReason.Seek } => offset,
                SeekAsked when !before.IsStopping => null,
                OffsetStored when before.Move is { Step: MoveStep.Storing } => null,
                _ => Reset,
            };
        }

        // What is asked when the fence is open says how the queue is; the loop drops what was asked before the fence closed.
        private void NoteWhatIsSeen(QueueEventKind kind, QueueState before)
        {
            _isToldSince = kind switch
            {
                FenceClosed => false,
                StoreBegun when before.Move is { Step: MoveStep.Asked } => !IsFenceClosed,
                _ => _isToldSince,
            };
            var isTold = kind == OffsetStored && before.Move is { Step: MoveStep.Storing } && _isToldSince;
            IsUnseen = kind == FenceClosed || (IsUnseen && (IsFenceClosed || (kind is not (Positioned or Verified or Overtaken) && !isTold)));
        }

        public void Holds(bool rule)
        {
            if (!rule)
            {
                Assert.Fail($"seed {seed}: {string.Join(", ", _events)}");
            }
        }
    }
}
