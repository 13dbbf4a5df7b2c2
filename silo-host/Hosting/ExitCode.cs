namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    /// <summary>Ended as asked; a run with an end consumed every message.</summary>
    public const int Success = 0;

    /// <summary>A run with an end missed messages.</summary>
    public const int MessagesLost = 1;

    /// <summary>Could not start, or could not do what was asked.</summary>
    public const int Failure = 2;
}
