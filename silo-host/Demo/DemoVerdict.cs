namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>How the demo went. A run with an end counts as failed until it has ended well, also when it is interrupted.</summary>
internal sealed class DemoVerdict(DemoOptions options)
{
    public int ExitCode { get; set; } = options.HasEnd ? Errors.ExitCode.Failure : Errors.ExitCode.Success;
}
