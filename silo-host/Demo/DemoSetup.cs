namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Adds the demo to the host.</summary>
internal static class DemoSetup
{
    public static void AddDemo(this ISiloBuilder silo, DemoOptions options)
    {
        if (!options.Enabled)
        {
            return;
        }

        silo.AddRocketMQ(rocketmq => rocketmq.AddConsumer<DemoListener>(options.Group, consumer => consumer.Subscribe(options.Topic)));
        silo.Services.AddSingleton(options);
        silo.Services.AddSingleton<DemoLedger>();
        silo.Services.AddSingleton<DemoVerdict>();
        silo.Services.AddHostedService<DemoProducer>();
        silo.Services.AddHostedService<LiveLine>();
    }
}
