using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Configuration;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Configuration;

/// <summary>What silos let pass between each other bounds what may be taken from a broker.</summary>
public sealed class MessageSizeCheckTests
{
    private const int Limit = 20 * 1024 * 1024;

    [Theory]
    [InlineData(Limit)]
    [InlineData(Limit - 1)]
    public void A_frame_that_silos_let_pass_is_accepted(int frame)
    {
        using var host = Build(frame, Limit);

        Assert.Single(host.Services.GetServices<IConfigurationValidator>().OfType<MessageSizeCheck>()).ValidateConfiguration();
    }

    [Fact]
    public async Task A_silo_does_not_start_with_a_longer_frame_than_silos_let_pass_and_the_error_names_both_settings()
    {
        using var host = Build(Limit + 1, Limit);

        var refused = await Assert.ThrowsAsync<RocketMQConfigurationException>(() => host.StartAsync());

        Assert.Contains("RocketMQ:MaxFrameLength", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"{Limit + 1}", refused.Message, StringComparison.Ordinal);
        Assert.Contains($"at most {Limit}, Orleans' SiloMessagingOptions.MaxMessageBodySize", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_both_are_by_default_goes_together()
    {
        using var host = BuiltSilo.Build(code: null);

        Assert.Single(host.Services.GetServices<IConfigurationValidator>().OfType<MessageSizeCheck>()).ValidateConfiguration();
    }

    private static IHost Build(int frame, int limit) => BuiltSilo.Build(rocketmq =>
    {
        rocketmq.Configure(options => options.MaxFrameLength = frame);
        rocketmq.Services.Configure<SiloMessagingOptions>(options => options.MaxMessageBodySize = limit);
    });
}
