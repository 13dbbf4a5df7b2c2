using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Statistics;
using OrleansRocketMQ.Subscriptions;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Consumers;

/// <summary>
/// Starts and stops one group's consumer on this silo, one after the other whoever asks. Every start makes a new
/// <see cref="ConsumerSession"/>; what lasts from one to the next is here.
/// </summary>
internal sealed partial class ConsumerLifecycle(
    ConsumerOptions options, RocketMQMetrics metrics, TimeProvider time, ILogger<ConsumerLifecycle> logger) : IRocketMQConsumer
{
    private readonly SemaphoreSlim _turn = new(1, 1);
    private readonly CancellationTokenSource _closing = new();
    private readonly SubscriptionManager _subscriptions = new(options, time);
    private Func<ConsumerSession>? _create;
    private SubscriptionSync? _sync;
    private Task _warmUp = Task.CompletedTask;
    private ConsumerSession? _run;
    private Task _autoStart = Task.CompletedTask;
    private int _state;

    public string Group => options.Group;

    public ConsumerOptions Options => options;

    public ConsumerState State
    {
        get => (ConsumerState)Volatile.Read(ref _state);
        private set => Volatile.Write(ref _state, (int)value);
    }

    /// <summary>Whether it has ever been started on this silo.</summary>
    public bool HasRun { get; private set; }

    public ISubscriptionManager Subscriptions => _subscriptions;

    public SubscriptionManager Book => _subscriptions;

    /// <summary>The way to its brokers; null until the silo is active.</summary>
    public RocketMQClient? Client { get; private set; }

    /// <summary>Goes on counting over stops and starts.</summary>
    public GroupStatistics Statistics { get; } = new(
        time, queue => new QueueMetrics(metrics, options.Group, queue), () => metrics.Rebalanced(options.Group));

    /// <summary>The silo is active: from now on the consumer can be started, and is if it is to start by itself.</summary>
    /// <param name="sync">What the group subscribes to.</param>
    /// <param name="client">The way to its brokers.</param>
    /// <param name="create">Makes each of its runs.</param>
    /// <param name="warmUp">Ends when the silo is ready to take queues.</param>
    public void Open(SubscriptionSync sync, RocketMQClient client, Func<ConsumerSession> create, Task warmUp)
    {
        Client = client;
        _warmUp = warmUp;
        _create = create;
        _sync = sync;
        sync.Start();
        if (options.AutoStart)
        {
            _autoStart = AutoStartAsync();
        }
    }

    /// <summary>The silo stops: the queues end, and nothing starts any more. The brokers still count the silo as a member.</summary>
    public async Task CloseAsync(StopDeadline deadline)
    {
        await _closing.CancelAsync().ConfigureAwait(false);
        await _autoStart.ConfigureAwait(false);
        await _turn.WaitAsync().ConfigureAwait(false);
        try
        {
            var steps = new StopSteps();
            await steps.TakeAsync(() => _sync?.StopAsync() ?? Task.CompletedTask).ConfigureAwait(false);
            if (_run is { } run)
            {
                State = ConsumerState.Stopping;
                await steps.TakeAsync(() => run.DrainAsync(deadline)).ConfigureAwait(false);
            }

            steps.ThrowIfAnyFailed();
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>After <see cref="CloseAsync"/>, when the grains are gone: tells the brokers.</summary>
    public async Task LeaveAsync()
    {
        try
        {
            await (_run?.LeaveAsync() ?? Task.CompletedTask).ConfigureAwait(false);
        }
        finally
        {
            (_run, State) = (null, ConsumerState.Stopped);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken = default)
    {
        CheckOpen("start");

        // Not in the turn of a grain that may have asked: what grains call back cannot be made there.
        return Task.Run(() => InTurnAsync(StartInTurnAsync, cancellationToken), cancellationToken);
    }

    public Task StopAsync(CancellationToken cancellationToken = default) => InTurnAsync(
        async _ =>
        {
            if (await StopInTurnAsync().ConfigureAwait(false) is > 0 and var abandoned)
            {
                throw new ConsumerShutdownException(Group, $"listeners did not finish {abandoned} messages in time; they come again");
            }
        },
        cancellationToken);

    public Task RestartAsync(CancellationToken cancellationToken = default)
    {
        CheckOpen("restart");
        return Task.Run(
            () => InTurnAsync(
                async cancelled =>
                {
                    await StopInTurnAsync().ConfigureAwait(false);
                    await StartInTurnAsync(cancelled).ConfigureAwait(false);
                },
                cancellationToken),
            cancellationToken);
    }

    public void Handle(Func<MessageExt, CancellationToken, Task> listener) => Register(DelegateHandler.Of(listener));

    public void Handle(Func<MessageExt, CancellationToken, Task<ConsumeResult>> listener) => Register(DelegateHandler.Of(listener));

    public void HandleBatch(Func<MessageBatch, ConsumeContext, CancellationToken, ValueTask<ConsumeResult>> listener)
        => Register(DelegateHandler.Of(listener));

    private void Register(DelegateHandler handler)
    {
        // Not while a start is on: it has looked at the listener already.
        if (!_turn.Wait(0))
        {
            throw new ConsumerStateException(Group, $"{State}", "take another listener");
        }

        try
        {
            if (State != ConsumerState.Stopped)
            {
                throw new ConsumerStateException(Group, $"{State}", "take another listener");
            }

            handler.Check(options);
            (options.Handler, options.Listener) = (handler, typeof(DelegateListener));
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task InTurnAsync(Func<CancellationToken, Task> act, CancellationToken cancellationToken)
    {
        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await act(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task StartInTurnAsync(CancellationToken cancellationToken)
    {
        CheckOpen("start");
        if (_run is not null)
        {
            return;
        }

        if (options.Listener is null)
        {
            throw new ConsumerStartException(Group, "no listener is registered");
        }

        State = ConsumerState.Starting;
        try
        {
            // A member that tells brokers of other subscriptions than its fellows makes them lose messages.
            using var either = CancellationTokenSource.CreateLinkedTokenSource(_closing.Token, cancellationToken);
            await Task.WhenAll(_sync!.Synced, _warmUp).WaitAsync(either.Token).ConfigureAwait(false);
            var run = _create!();
            run.Start();
            _run = run;
            HasRun = true;
            State = ConsumerState.Running;
            Log.Started(logger, Group);
        }
        catch (Exception exception) when (exception is not (OperationCanceledException or RocketMQException))
        {
            throw new ConsumerStartException(Group, exception.Message, exception);
        }
        finally
        {
            if (_run is null)
            {
                State = ConsumerState.Stopped;
            }
        }
    }

    private async Task<int> StopInTurnAsync()
    {
        if (_run is not { } run || _closing.IsCancellationRequested)
        {
            return 0;
        }

        // What fails on the way is told; it must not leave a consumer that neither runs nor can be started.
        State = ConsumerState.Stopping;
        var (steps, abandoned) = (new StopSteps(), 0);
        await steps.TakeAsync(async () => abandoned = await run.DrainAsync().ConfigureAwait(false)).ConfigureAwait(false);
        await steps.TakeAsync(run.LeaveAsync).ConfigureAwait(false);
        (_run, State) = (null, ConsumerState.Stopped);
        Log.Stopped(logger, Group);
        steps.ThrowIfAnyFailed();
        return abandoned;
    }

    private async Task AutoStartAsync()
    {
        try
        {
            await StartAsync(CancellationToken.None).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (_closing.IsCancellationRequested)
        {
            // The silo stops before its subscriptions could be told.
        }
        catch (Exception exception)
        {
            Log.NotStarted(logger, Group, exception);
        }
    }

    private void CheckOpen(string operation)
    {
        if (_create is null || _closing.IsCancellationRequested)
        {
            throw new ConsumerStateException(
                Group, _create is null ? "on a silo that is not active yet" : "on a silo that stops", operation);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(241, LogLevel.Information, "Group {Group} has started")]
        public static partial void Started(ILogger logger, string group);

        [LoggerMessage(242, LogLevel.Information, "Group {Group} has stopped")]
        public static partial void Stopped(ILogger logger, string group);

        [LoggerMessage(243, LogLevel.Error, "Group {Group} could not be started")]
        public static partial void NotStarted(ILogger logger, string group, Exception exception);
    }
}
