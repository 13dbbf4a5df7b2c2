using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Engine.Scheduling;

namespace OrleansRocketMQ.Hosting;

/// <summary>Refuses times that listeners would never get, because Orleans or the host ends everything before.</summary>
internal sealed class StopTimesValidator(
    IOptions<RocketMQOptions> options,
    IOptions<HostOptions> host,
    IOptions<GrainCollectionOptions> grains) : IConfigurationValidator
{
    private const string Field = $"{RocketMQOptions.SectionName}:{nameof(RocketMQOptions.ShutdownTimeout)}";

    /// <exception cref="RocketMQConfigurationException">Listeners may take longer than Orleans or the host waits.</exception>
    public void ValidateConfiguration()
    {
        var listeners = options.Value.ShutdownTimeout;
        var ofHost = host.Value.ShutdownTimeout;
        if (ofHost != Timeout.InfiniteTimeSpan && listeners + StopDeadline.Rest > ofHost)
        {
            throw new RocketMQConfigurationException(
                Field,
                listeners,
                $"at least {StopDeadline.Rest.TotalSeconds:0} s less than the {ofHost.TotalSeconds:0} s the host waits "
                    + "for all of its stop (HostOptions.ShutdownTimeout, setting ShutdownTimeoutSeconds)");
        }

        var ofGrains = grains.Value.DeactivationTimeout;
        if (ofGrains != Timeout.InfiniteTimeSpan && listeners >= ofGrains)
        {
            throw new RocketMQConfigurationException(
                Field,
                listeners,
                $"less than the {ofGrains.TotalSeconds:0} s Orleans lets a grain take to end "
                    + "(GrainCollectionOptions.DeactivationTimeout)");
        }
    }
}
