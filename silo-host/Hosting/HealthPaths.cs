namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>Where probes ask.</summary>
internal static class HealthPaths
{
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";
}
