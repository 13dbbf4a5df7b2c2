using System.Runtime.ExceptionServices;

namespace OrleansRocketMQ.Engine.Scheduling;

/// <summary>Takes every step of a stop, also those behind one that fails: what they leave running nobody would stop later.</summary>
internal sealed class StopSteps
{
    private readonly List<Exception> _failures = [];

    public async Task TakeAsync(Func<Task> step)
    {
        try
        {
            await step();
        }
        catch (Exception exception)
        {
            _failures.Add(exception);
        }
    }

    /// <summary>After the last one.</summary>
    /// <exception cref="AggregateException">More than one has failed; the error of a single one is thrown itself.</exception>
    public void ThrowIfAnyFailed()
    {
        if (_failures is [var only])
        {
            ExceptionDispatchInfo.Throw(only);
        }

        if (_failures.Count > 0)
        {
            throw new AggregateException(_failures);
        }
    }
}
