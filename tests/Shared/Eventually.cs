namespace OrleansRocketMQ.Testing;

/// <summary>Waits for conditions, with a deadline that says what was awaited.</summary>
internal static class Eventually
{
    /// <summary>Long enough for a loaded machine; a test that passes never waits for it.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(20);

    public static Task TrueAsync(Func<bool> condition, string what, TimeSpan? deadline = null)
        => TrueAsync(() => Task.FromResult(condition()), () => what, deadline);

    public static Task TrueAsync(Func<bool> condition, Func<string> what, TimeSpan? deadline = null)
        => TrueAsync(() => Task.FromResult(condition()), what, deadline);

    public static Task TrueAsync(Func<Task<bool>> condition, string what, TimeSpan? deadline = null)
        => TrueAsync(condition, () => what, deadline);

    public static async Task TrueAsync(Func<Task<bool>> condition, Func<string> what, TimeSpan? deadline = null)
    {
        var start = TimeProvider.System.GetTimestamp();
        var limit = deadline ?? Deadline;
        while (!await condition())
        {
            if (TimeProvider.System.GetElapsedTime(start) > limit)
            {
                throw new TimeoutException($"Not within {limit}: {what()}");
            }

            await Task.Delay(Interval);
        }
    }

    /// <summary>Asks again until the answer is there.</summary>
    public static async Task<T> GetAsync<T>(Func<Task<T?>> ask, string what)
        where T : class
    {
        T? answer = null;
        await TrueAsync(async () => (answer = await ask()) is not null, what);
        return answer!;
    }
}
