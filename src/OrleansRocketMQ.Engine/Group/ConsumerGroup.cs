using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Engine.Flow;
using OrleansRocketMQ.Engine.Offsets;
using OrleansRocketMQ.Engine.Pop;
using OrleansRocketMQ.Engine.Queue;

namespace OrleansRocketMQ.Engine.Group;

/// <summary>The queues of one group that run on this member, and what tells stores and brokers how far they are. Thread-safe.</summary>
internal sealed partial class ConsumerGroup
{
    private readonly Lock _gate = new();
    private readonly QueueEnvironment _environment;
    private readonly ILogger<QueuePump> _pumpLogger;
    private readonly ILogger<PopPump> _popLogger;
    private readonly ILogger _logger;
    private readonly OffsetPersister _persisting;
    private readonly GroupWatchdog _watchdog;
    private string? _closedBecause;
    private int _turn;

    /// <param name="environment">What the queues share.</param>
    /// <param name="loggers">Makes logs.</param>
    public ConsumerGroup(QueueEnvironment environment, ILoggerFactory loggers)
    {
        _environment = environment;
        _pumpLogger = loggers.CreateLogger<QueuePump>();
        _popLogger = loggers.CreateLogger<PopPump>();
        _logger = loggers.CreateLogger<ConsumerGroup>();
        _persisting = new OffsetPersister(
            environment.Options, PulledQueues, environment.Runtime, loggers.CreateLogger<OffsetPersister>());
        _watchdog = new GroupWatchdog(environment.Options.Group, LookWhetherQueuesMove, environment.Runtime, _logger);
    }

    /// <summary>The queues that run here.</summary>
    public ConcurrentDictionary<MessageQueue, IGroupQueue> Queues { get; } = new(new RepeatableHashes());

    private string Group => _environment.Options.Group;

    public void Start()
    {
        _environment.Dispatcher.Start();
        _persisting.Start();
        _environment.Checkpoints?.Start(PulledQueues);
        _watchdog.Start();
        _environment.Fence.Changed += OnFenceChanged;
    }

    /// <summary>Starts a queue here, unless it runs already.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="arrival">What comes along from the member it was on.</param>
    /// <param name="pops">Whether its messages are to be popped.</param>
    /// <param name="stop">
    /// An error rule has stopped it, on this member or another, and the cluster may not know of it; null: none has.
    /// </param>
    /// <param name="made">Is told of the queue before it starts; not of one that runs already.</param>
    /// <exception cref="ConsumerStateException">The group stops, or the queue is still ending.</exception>
    public IGroupQueue StartQueue(
        MessageQueue queue, QueueArrival? arrival, bool pops = false, QueueStop? stop = null, Action<IGroupQueue>? made = null)
    {
        // Either the stop sees the queue, or the queue sees the stop; and a queue that ends is not taken for one that runs.
        lock (_gate)
        {
            if (_closedBecause is { } reason)
            {
                throw new ConsumerStateException(Group, reason, $"start {queue}");
            }

            if (Queues.TryGetValue(queue, out var running))
            {
                return running.IsEnding
                    ? throw new ConsumerStateException(Group, $"still ending {queue}", "start it again")
                    : running;
            }

            IGroupQueue pump = pops
                ? new PopPump(queue, _environment, arrival, _popLogger)
                : new QueuePump(queue, _environment, arrival, _pumpLogger);
            made?.Invoke(pump);
            Queues[queue] = pump;
            if (stop is not null)
            {
                pump.Runs.Gate.Stop(stop);
            }

            pump.Start();
            return pump;
        }
    }

    /// <summary>No queue starts any more.</summary>
    /// <param name="because">What the group is in.</param>
    public void Close(string because)
    {
        lock (_gate)
        {
            _closedBecause ??= because;
        }
    }

    /// <summary>Stops a queue: see <see cref="IGroupQueue.StopAsync"/>.</summary>
    public Task StopQueueAsync(IGroupQueue pump, TimeSpan budget)
    {
        // At once, so that nobody who asks meanwhile gets a queue that ends.
        var stopping = pump.StopAsync(budget);
        return _environment.Runtime.Scheduler.Run(async () =>
        {
            try
            {
                await stopping;
            }
            finally
            {
                // Also one that failed to stop has ended; it must not keep the queue from starting anew.
                Queues.TryRemove(new(pump.Queue, pump));
            }
        });
    }

    /// <summary>Queues may go on that could not before. A different one comes first each time, so that none is always the last.</summary>
    public void Resume(Func<MessageQueue, bool> which)
    {
        var pumps = Queues.Values.Where(pump => which(pump.Queue)).ToArray();
        var first = (int)((uint)Interlocked.Increment(ref _turn) % Math.Max(1, pumps.Length));
        for (var index = 0; index < pumps.Length; index++)
        {
            var pump = pumps[(first + index) % pumps.Length];
            try
            {
                pump.OnFlow();
                _environment.Dispatcher.Signal(pump);
            }
            catch (Exception exception)
            {
                // Also called by a timer, where it would end the process; and the other queues go on.
                Log.NotResumed(_logger, Group, pump.Queue, exception);
            }
        }
    }

    /// <summary>Brokers may be elsewhere by now.</summary>
    public void OnRoutes()
    {
        foreach (var pump in Queues.Values)
        {
            pump.OnRoutes();
        }

        _environment.Locks?.OnRoutes();
    }

    /// <summary>Ends what the queues shared. They and their dispatcher must have stopped.</summary>
    public Task StopAsync()
    {
        _environment.Fence.Changed -= OnFenceChanged;
        return Task.WhenAll(
            _environment.Locks?.StopAsync() ?? Task.CompletedTask,
            _persisting.StopAsync(),
            _watchdog.StopAsync(),
            _environment.Checkpoints?.StopAsync() ?? Task.CompletedTask);
    }

    // Without the copy that Values makes: this is asked every second.
    private IEnumerable<QueuePump> PulledQueues() => Queues.Select(static queue => queue.Value).OfType<QueuePump>();

    private void LookWhetherQueuesMove()
    {
        foreach (var pump in PulledQueues())
        {
            pump.LookWhetherItMoves();
        }
    }

    private void OnFenceChanged(bool closed)
    {
        foreach (var pump in Queues.Values)
        {
            pump.OnFence(closed);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(292, LogLevel.Error, "Group {Group}: {Queue} could not be told to go on")]
        public static partial void NotResumed(ILogger logger, string group, MessageQueue queue, Exception exception);
    }
}
