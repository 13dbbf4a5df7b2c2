namespace OrleansRocketMQ.Filters;

/// <summary>
/// One filter's turn in one call. Sees to it that what stands behind the filter is over when the filter is, that it does not
/// run twice at once, and that there is a result: a filter that forgets <c>next</c> fails the call instead of losing it.
/// </summary>
/// <param name="filter">The filter's class.</param>
/// <param name="behind">Begins what stands behind the filter. Does not throw, the task tells.</param>
internal sealed class FilterStep(Type filter, Func<Task> behind)
{
    private Task? _behind;
    private bool _isOver;

    /// <summary>Runs the filter.</summary>
    /// <param name="invoke">Calls it with its <c>next</c>.</param>
    /// <param name="hasResult">Whether the call has a result.</param>
    /// <exception cref="FilterException">The filter did not keep its promise.</exception>
    public async Task RunAsync(Func<Func<Task>, Task> invoke, Func<bool> hasResult)
    {
        var hasWaited = false;
        try
        {
            await invoke(Next);
        }
        finally
        {
            _isOver = true;
            hasWaited = _behind is not { IsCompleted: false };
            if (!hasWaited)
            {
                // Nothing may begin beside it: the next call would find the listener at work.
                await Task.WhenAny(_behind!);
            }
        }

        if (!hasWaited)
        {
            throw new FilterException(filter, "has not waited for next.");
        }

        if (!hasResult())
        {
            // What failed behind it is told, if it was kept back.
            await (_behind ?? throw new FilterException(filter, "has neither called next nor given a result."));
            throw new FilterException(filter, "has taken the result away.");
        }
    }

    private Task Next() => _isOver ? throw new FilterException(filter, "calls next after it has ended.")
        : _behind is { IsCompleted: false } ? throw new FilterException(filter, "calls next while next still runs.")
        : _behind = behind();
}
