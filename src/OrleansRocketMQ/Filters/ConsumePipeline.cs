using Microsoft.Extensions.DependencyInjection;

namespace OrleansRocketMQ.Filters;

/// <summary>The filters of a group, the outermost first. Thread-safe.</summary>
internal sealed class ConsumePipeline(ConsumeFilterClass[] filters, IServiceScopeFactory scopes)
{
    /// <summary>The classes, the outermost first.</summary>
    public IEnumerable<Type> Types => filters.Select(filter => filter.Type);

    /// <summary>Those of which none can be made.</summary>
    public IEnumerable<MissingService> Missing(IServiceProvider services)
        => filters.Select(filter => filter.Missing(services)).OfType<MissingService>();

    /// <summary>Whether one of them wants each message in a call of its own.</summary>
    public bool IsPerMessage { get; } = filters.Any(filter => filter.IsPerMessage);

    /// <summary>Runs a call through the filters. When it returns the call has a result.</summary>
    /// <param name="call">The call.</param>
    /// <param name="listener">Calls the listener and sets the result; given the call's scope.</param>
    /// <param name="cancellationToken">The listener's.</param>
    public async Task RunAsync(ConsumeCall call, Func<IServiceProvider, Task> listener, CancellationToken cancellationToken)
    {
        // A filter may come back from elsewhere. The listener's grain has its own scheduler, and is at nobody else's.
        var grain = TaskScheduler.Current;
        await using var scope = scopes.CreateAsyncScope();
        var services = scope.ServiceProvider;
        await StepAsync(0);

        async Task StepAsync(int index)
        {
            if (index == filters.Length)
            {
                call.Begin();
                await (TaskScheduler.Current == grain
                    ? listener(services)
                    : Task.Factory.StartNew(
                        () => listener(services), CancellationToken.None, TaskCreationOptions.DenyChildAttach, grain).Unwrap());
                return;
            }

            await using var filter = filters[index].Make(services);
            var step = new FilterStep(filters[index].Type, () => StepAsync(index + 1));
            await step.RunAsync(next => filter.Value.InvokeAsync(call, next, cancellationToken), () => call.Result is not null);
        }
    }
}
