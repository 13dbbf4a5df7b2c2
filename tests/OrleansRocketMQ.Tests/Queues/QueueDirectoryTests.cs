using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.GrainDirectory;
using Orleans.Hosting;
using Orleans.Runtime;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Queues;

/// <summary>The directory of queue grains beside what the host wants for its own grains.</summary>
public sealed class QueueDirectoryTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_host_that_asks_for_the_distributed_directory_gets_it_whichever_call_comes_first(bool hostFirst)
    {
        await using var rocketmq = await TestRocketMQ.StartAsync();
        var received = 0;
        using var host = Build(silo =>
        {
            if (hostFirst)
            {
                AddHosts(silo);
            }

            silo.AddRocketMQ(builder => builder
                .UseNameServer(rocketmq.Embedded.NameServerAddress)
                .AddConsumer(rocketmq.MyGroup, consumer => consumer
                    .Subscribe(TestRocketMQ.Topic)
                    .Configure(options => options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset)
                    .Handle((_, _) =>
                    {
                        Interlocked.Increment(ref received);
                        return Task.CompletedTask;
                    })));
            DeclaredListeners.HideIn(silo.Services);
            if (!hostFirst)
            {
                AddHosts(silo);
            }
        });
        await host.StartAsync();

        var usual = host.Services.GetRequiredKeyedService<IGrainDirectory>(GrainDirectoryAttribute.DEFAULT_GRAIN_DIRECTORY);
        Assert.Same(host.Services.GetRequiredKeyedService<IGrainDirectory>("OrleansRocketMQ"), usual);
        await rocketmq.SendAsync(8);
        await Eventually.TrueAsync(() => Volatile.Read(ref received) == 8, () => $"8 messages; there are {Volatile.Read(ref received)}");

        await host.StopAsync();
    }

    [Fact]
    public void The_one_directory_takes_part_in_the_life_of_the_silo_once()
    {
        using var host = Build(silo =>
        {
            silo.AddRocketMQ();
            AddHosts(silo);
        });

        var directory = host.Services.GetRequiredKeyedService<IGrainDirectory>("OrleansRocketMQ");

        Assert.Single(host.Services.GetServices<ILifecycleParticipant<ISiloLifecycle>>(), part => ReferenceEquals(part, directory));
    }

    [Fact]
    public void A_host_that_asks_for_nothing_keeps_its_usual_directory()
    {
        using var host = Build(silo => silo.AddRocketMQ());

        var directory = host.Services.GetRequiredKeyedService<IGrainDirectory>("OrleansRocketMQ");

        Assert.NotSame(directory, host.Services.GetKeyedService<IGrainDirectory>(GrainDirectoryAttribute.DEFAULT_GRAIN_DIRECTORY));
        Assert.Single(host.Services.GetServices<ILifecycleParticipant<ISiloLifecycle>>(), part => ReferenceEquals(part, directory));
    }

    private static void AddHosts(ISiloBuilder silo)
    {
#pragma warning disable ORLEANSEXP003 // What a host may do.
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
    }

    private static IHost Build(Action<ISiloBuilder> configure)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.UseOrleans(silo =>
        {
            var ports = FreePorts.Take(2);
            silo.UseLocalhostClustering(ports[0], ports[1]);
            configure(silo);
        });
        return builder.Build();
    }
}
