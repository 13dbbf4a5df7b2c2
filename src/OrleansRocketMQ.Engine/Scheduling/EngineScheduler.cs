using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>
/// Where the engine's work runs. Whoever calls the engine from elsewhere, such as a grain's turn, hops to it; what then is
/// awaited goes on there, since the engine's code awaits plainly. In production the thread pool, in a simulation one queue
/// of steps.
/// </summary>
internal sealed class EngineScheduler(TaskScheduler scheduler)
{
    /// <summary>The thread pool.</summary>
    public static EngineScheduler Pool { get; } = new(TaskScheduler.Default);

    /// <summary>Runs work there. It takes along the context of whoever calls.</summary>
    public Task Run(Func<Task> work)
        => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler).Unwrap();

    /// <inheritdoc cref="Run(Func{Task})"/>
    public Task<T> Run<T>(Func<Task<T>> work)
        => Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler).Unwrap();

    /// <summary>Does something there, later; must not throw.</summary>
    public void Post(Action<object?> action, object? state) => OutOfContext(
        () => Task.Factory.StartNew(action, state, CancellationToken.None, TaskCreationOptions.DenyChildAttach, scheduler));

    /// <summary>
    /// Starts work that outlives whoever starts it. It takes no context along: otherwise all that a queue ever does would
    /// belong to the trace of the call that started the queue.
    /// </summary>
    public Task Start(Func<Task> work) => OutOfContext(() => Run(work));

    /// <summary>
    /// Starts what must go on until it is told to stop. A loop that fails all the same is told of and begins anew.
    /// </summary>
    /// <returns>Completes when it has stopped; never faults.</returns>
    public Task StartLoop(string name, Func<Task> loop, TimeProvider time, ILogger logger, CancellationToken stopping)
        => Start(() => BackgroundLoop.KeepGoingAsync(name, _ => loop(), time, logger, stopping));

    /// <summary>
    /// Fires a source. What its callbacks throw is theirs, and what they do is not waited for: they are often code of others,
    /// which may block.
    /// </summary>
    public void Cancel(CancellationTokenSource source)
    {
        if (scheduler == TaskScheduler.Default)
        {
            _ = IgnoreAsync(source.CancelAsync());
            return;
        }

        Post(
            static fires =>
            {
                try
                {
                    ((CancellationTokenSource)fires!).Cancel();
                }
                catch (Exception)
                {
                    // Of a callback; the others were called all the same.
                }
            },
            source);
    }

    /// <summary>Fires a source, and waits for its callbacks.</summary>
    /// <exception cref="AggregateException">Callbacks have failed.</exception>
    // The pool's own way lets everybody see at once that the source has fired.
    public Task CancelAsync(CancellationTokenSource source) => scheduler == TaskScheduler.Default ? source.CancelAsync() : Run(() =>
    {
        source.Cancel();
        return Task.CompletedTask;
    });

    private static async Task IgnoreAsync(Task work)
    {
        try
        {
            await work;
        }
        catch (Exception)
        {
            // Of a callback; the others were called all the same.
        }
    }

    private static T OutOfContext<T>(Func<T> start) => Connections.OutOfContext.Start(start);
}
