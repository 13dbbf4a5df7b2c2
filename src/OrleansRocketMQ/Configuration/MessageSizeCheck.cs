using Microsoft.Extensions.Options;
using Orleans;
using Orleans.Configuration;

namespace OrleansRocketMQ.Configuration;

/// <summary>
/// Refuses a frame limit above what silos let pass: a message of that size could never be given to a listener on another
/// silo, and each attempt would end the connection between the two.
/// </summary>
internal sealed class MessageSizeCheck(
    IOptions<RocketMQOptions> options, IOptions<SiloMessagingOptions> messaging) : IConfigurationValidator
{
    public void ValidateConfiguration()
    {
        var most = messaging.Value.MaxMessageBodySize;
        if (options.Value.MaxFrameLength > most)
        {
            throw new RocketMQConfigurationException(
                $"{RocketMQOptions.SectionName}:{nameof(RocketMQOptions.MaxFrameLength)}",
                options.Value.MaxFrameLength,
                $"at most {most}, Orleans' {nameof(SiloMessagingOptions)}.{nameof(SiloMessagingOptions.MaxMessageBodySize)}; "
                    + "raise that, too");
        }
    }
}
