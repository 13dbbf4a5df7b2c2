namespace OrleansRocketMQ.Chaos.Listeners;

/// <summary>
/// One message that is not ended while the file exists that the environment names: what is done behind it cannot be committed, and is
/// known from checkpoints alone.
/// </summary>
internal static class Hold
{
    public const string Variable = "CHAOS_HOLD";

    private static readonly string? s_file = Environment.GetEnvironmentVariable(Variable);
    private static int s_held;

    public static async Task WaitAsync(CancellationToken cancellationToken)
    {
        if (s_file is null || !File.Exists(s_file) || Interlocked.Exchange(ref s_held, 1) == 1)
        {
            return;
        }

        while (File.Exists(s_file))
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
        }

        s_held = 0;
    }
}

/// <summary>While the file exists that the environment names, nothing succeeds in order.</summary>
internal static class Refusal
{
    public const string Variable = "CHAOS_REFUSE";

    private static readonly string? s_file = Environment.GetEnvironmentVariable(Variable);

    /// <exception cref="InvalidDataException">The file exists.</exception>
    public static void ThrowIfWanted()
    {
        if (s_file is not null && File.Exists(s_file))
        {
            throw new InvalidDataException("This is refused for a while.");
        }
    }
}

/// <summary>While the file exists that the environment names, all messages take long.</summary>
internal static class Slowness
{
    public const string Variable = "CHAOS_SLOW";

    private static readonly string? s_file = Environment.GetEnvironmentVariable(Variable);

    public static bool IsWanted => s_file is not null && File.Exists(s_file);
}
