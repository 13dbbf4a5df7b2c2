namespace OrleansRocketMQ.SiloHost.Errors;

/// <summary>What the process tells its caller.</summary>
internal static class ExitCode
{
    /// <summary>Ended as asked; a run with an end consumed every message; a check found nothing wrong.</summary>
    public const int Success = 0;

    /// <summary>
    /// A run with an end missed messages or gave up; the host failed, was declared dead by its cluster, or was made to stop
    /// before its listeners had finished.
    /// </summary>
    public const int Failure = 1;

    /// <summary>A setting is wrong, or what it names (a port, a folder, a file) cannot be used.</summary>
    public const int BadConfiguration = 2;

    /// <summary>A name server, a broker or the store of the Orleans cluster does not answer, or lets us not in.</summary>
    public const int Unreachable = 3;

    /// <summary>The program for Kubernetes runs outside a pod, or in one without a service account.</summary>
    public const int OutsidePod = 4;
}
