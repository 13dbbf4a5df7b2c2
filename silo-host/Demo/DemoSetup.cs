using Microsoft.Extensions.Options;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Adds the demo to the host.</summary>
internal static class DemoSetup
{
    public static void AddDemo(this ISiloBuilder silo)
    {
        var options = silo.Configuration.GetSection("Demo").Get<DemoOptions>() ?? new DemoOptions();
        if (!options.Enabled)
        {
            return;
        }

        options.Check();
        silo.AddRocketMQ(rocketmq => rocketmq.AddConsumer<DemoListener>(options.Group, consumer => consumer.Subscribe(options.Topic)));
        silo.Services.AddSingleton(Options.Create(options));
        silo.Services.AddSingleton<DemoLedger>();
        silo.Services.AddSingleton<DemoVerdict>();
        silo.Services.AddHostedService<DemoProducer>();
        silo.Services.AddHostedService<LiveLine>();
    }
}

/// <summary>How a run with an end went.</summary>
internal sealed class DemoVerdict
{
    public int ExitCode { get; set; }
}
