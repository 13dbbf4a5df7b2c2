namespace OrleansRocketMQ.Engine.Simulation.Kernel;

/// <summary>Waits that do not last for ever, and go on by the scheduler of whoever waits.</summary>
internal static class Patience
{
    /// <summary>Waits for a task.</summary>
    /// <returns>Whether it has ended in time.</returns>
    public static async Task<bool> EndsWithinAsync(this Task task, TimeSpan most, TimeProvider time)
    {
        var either = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        using var over = time.CreateTimer(
            static ends => ((TaskCompletionSource)ends!).TrySetResult(), either, most, Timeout.InfiniteTimeSpan);
        _ = TellAsync(task, either);
        await either.Task;
        if (task.IsCompleted)
        {
            await task;
        }

        return task.IsCompleted;
    }

    private static async Task TellAsync(Task task, TaskCompletionSource either)
    {
        try
        {
            await task;
        }
        catch (Exception)
        {
            // Whoever waits gets it from the task.
        }

        either.TrySetResult();
    }
}
