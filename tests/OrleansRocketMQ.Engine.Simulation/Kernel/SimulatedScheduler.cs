using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Simulation.Kernel;

/// <summary>
/// Runs everything of one run on the thread that calls <see cref="Run"/>, one step after the other; the seed says which of the
/// steps that are ready comes next. A run that leaves its thread fails, with the place where it did.
/// </summary>
internal sealed class SimulatedScheduler : TaskScheduler
{
    public const string LeftThread = "a run stays on its thread";
    public const string NeverEnds = "a run ends in bounded time";
    public const string LeftOver = "nothing is left at the end of a run";
    public const string Failed = "no task of a run fails";
    public const string TimerThrew = "no exception leaves what a timer calls";

    private const int DeepestInline = 3;

    // How long a run that has nothing to do any more waits for news of a step that left its thread. Only a run that fails does.
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(2);

    // A context that is carried to another thread tells of it as soon as it arrives there.
    private static readonly AsyncLocal<SimulatedScheduler?> Present = new(OnContextChanged);

    private readonly SeededRandom _random;
    private readonly List<Task> _ready = [];
    private readonly List<(string Name, Task Task)> _tasks = [];
    private int _thread = Environment.CurrentManagedThreadId;
    private int _depth;
    private SimulationException? _failure;

    public SimulatedScheduler(SeededRandom random, Trace trace)
    {
        _random = random;
        Trace = trace;
        Time = new SimulatedTime(this);
    }

    public SimulatedTime Time { get; }

    public Trace Trace { get; }

    /// <summary>Steps taken.</summary>
    public long Steps { get; private set; }

    public override int MaximumConcurrencyLevel => 1;

    /// <summary>The first failure of the run.</summary>
    public SimulationException? Failure => Volatile.Read(ref _failure);

    /// <summary>The run has failed; it ends with its next step.</summary>
    public void Fail(SimulationException failure) => Interlocked.CompareExchange(ref _failure, failure, null);

    /// <summary>Notes an event at the present time.</summary>
    public void Note(string what, string who, long first = -1, long second = -1) => Trace.Note(Time.Now, what, who, first, second);

    /// <summary>Begins a task of the run. It must end before the run does, and must not fail.</summary>
    public Task Start(string name, Func<Task> run)
    {
        CheckThread("started a task");
        var task = Task.Factory.StartNew(
            () => GuardAsync(name, run), CancellationToken.None, TaskCreationOptions.DenyChildAttach, this).Unwrap();
        _tasks.Add((name, task));
        return task;
    }

    /// <summary>Runs until <paramref name="main"/> has ended.</summary>
    /// <param name="main">What the run does.</param>
    /// <param name="mostTime">The time of the run in which it must end.</param>
    /// <param name="mostSteps">The steps in which it must end.</param>
    /// <exception cref="SimulationException">It has failed.</exception>
    public void Run(Func<Task> main, TimeSpan mostTime, long mostSteps)
    {
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _thread = Environment.CurrentManagedThreadId;
        Present.Value = this;
        try
        {
            var running = Start("main", main);
            while (!running.IsCompleted)
            {
                if (!Step(mayJump: true))
                {
                    ThrowStuck();
                }

                ThrowIfOver(mostTime, mostSteps);
            }

            while (Failure is null && Step(mayJump: false))
            {
                ThrowIfOver(mostTime, mostSteps);
            }

            ThrowIfFailed();
            ThrowIfLeftOver();
        }
        finally
        {
            Present.Value = null;
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    /// <summary>Fails the run when it is not on its thread.</summary>
    /// <param name="did">What was done there.</param>
    /// <returns>Whether it is on its thread.</returns>
    public bool CheckThread(string did)
    {
        if (Environment.CurrentManagedThreadId == _thread)
        {
            return true;
        }

        Fail(new SimulationException(LeftThread, $"another thread {did}{Environment.NewLine}{Environment.StackTrace}"));
        return false;
    }

    protected override void QueueTask(Task task)
    {
        if (CheckThread("queued a task"))
        {
            _ready.Add(task);
        }
    }

    // What a completed task goes on with may run at once or later, as with any scheduler. In a step of a member that may stand still,
    // which has a scheduler of its own, it runs later: .NET asks there on threads of the pool, and on others it does not.
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued)
    {
        var mayRun = !taskWasPreviouslyQueued
            && Current == this
            && Environment.CurrentManagedThreadId == _thread
            && _depth is > 0 and <= DeepestInline;
        return mayRun && _random.Chance(25) && Execute(task);
    }

    protected override IEnumerable<Task> GetScheduledTasks() => [.. _ready];

    private static void OnContextChanged(AsyncLocalValueChangedArgs<SimulatedScheduler?> change)
    {
        if (change is { ThreadContextChanged: true, CurrentValue: { } scheduler })
        {
            scheduler.CheckThread("went on with a step");
        }
    }

    private bool Step(bool mayJump)
    {
        Time.FireDue();
        if (_ready.Count == 0)
        {
            if (!mayJump || !Time.Jump())
            {
                return false;
            }

            Time.FireDue();
        }

        var chosen = _random.Next(_ready.Count);
        var task = _ready[chosen];
        _ready[chosen] = _ready[^1];
        _ready.RemoveAt(_ready.Count - 1);
        Steps++;
        Trace.Step((_ready.Count << 16) + chosen);
        Execute(task);
        Time.Advance(_random.Next(200));
        return true;
    }

    private bool Execute(Task task)
    {
        _depth++;
        try
        {
            return TryExecuteTask(task);
        }
        finally
        {
            _depth--;
        }
    }

    private async Task GuardAsync(string name, Func<Task> run)
    {
        try
        {
            await run();
        }
        catch (SimulationException exception)
        {
            Fail(exception);
            throw;
        }
        catch (Exception exception)
        {
            Fail(new SimulationException(Failed, $"{name} has failed: {exception}", exception));
            throw;
        }
    }

    private void ThrowIfOver(TimeSpan mostTime, long mostSteps)
    {
        ThrowIfFailed();
        if (Time.Now > mostTime.Ticks || Steps > mostSteps)
        {
            throw new SimulationException(NeverEnds, $"not after {TimeSpan.FromTicks(Time.Now)} and {Steps} steps");
        }
    }

    private void ThrowIfFailed()
    {
        if (Failure is { } failure)
        {
            throw failure;
        }
    }

    private void ThrowStuck()
    {
        // Perhaps it waits for something that it has given to another thread.
        var deadline = Environment.TickCount64 + (long)Grace.TotalMilliseconds;
        while (Failure is null && Environment.TickCount64 < deadline)
        {
            Thread.Sleep(1);
        }

        ThrowIfFailed();
        throw new SimulationException(NeverEnds, $"nothing is ready and no timer is set; still under way: {string.Join(", ", Open())}");
    }

    private void ThrowIfLeftOver()
    {
        if (Open().ToArray() is { Length: > 0 } open)
        {
            throw new SimulationException(LeftOver, $"tasks: {string.Join(", ", open)}");
        }

        if (Time.Armed > 0)
        {
            throw new SimulationException(LeftOver, $"{Time.Armed} timers: {string.Join(", ", Time.Callbacks)}");
        }
    }

    private IEnumerable<string> Open() => _tasks.Where(task => !task.Task.IsCompleted).Select(task => task.Name);
}
