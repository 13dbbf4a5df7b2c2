using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Tests.Infrastructure;

/// <summary>A silo that was built but not started: what its consumers are by attributes, code and configuration.</summary>
internal sealed class BuiltSilo : IDisposable
{
    private readonly IHost _host;

    private BuiltSilo(IHost host) => _host = host;

    public IServiceProvider Services => _host.Services;

    public RocketMQOptions Options => _host.Services.GetRequiredService<IOptions<RocketMQOptions>>().Value;

    public ConsumerOptions Only => Assert.Single(_host.Services.GetRequiredService<ConsumerSet>().All);

    public ConsumerOptions Consumer(string group) => _host.Services.GetRequiredService<ConsumerSet>().All.Single(consumer => consumer.Group == group);

    public IAllocateStrategy StrategyOf(string group) => _host.Services.GetRequiredService<AllocateStrategies>().Resolve(Consumer(group));

    /// <exception cref="RocketMQConfigurationException">As a silo would throw at its start.</exception>
    public static BuiltSilo With(Action<RocketMQBuilder>? code = null, IEnumerable<KeyValuePair<string, string?>>? settings = null, bool declared = false, IReadOnlyDictionary<string, string>? environment = null, string name = "built")
    {
        var silo = new BuiltSilo(Build(code, settings, declared, environment, name));
        try
        {
            silo._host.Services.GetRequiredService<ConsumerSet>().ValidateConfiguration();
            return silo;
        }
        catch
        {
            silo.Dispose();
            throw;
        }
    }

    /// <summary>A host whose silo has not been asked for anything yet.</summary>
    public static IHost Build(Action<RocketMQBuilder>? code, IEnumerable<KeyValuePair<string, string?>>? settings = null, bool declared = false, IReadOnlyDictionary<string, string>? environment = null, string name = "built")
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddInMemoryCollection([new("RocketMQ:NameServer", "127.0.0.1:9876")]);
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        builder.UseOrleans(silo =>
        {
            silo.UseLocalhostClustering();
            silo.Configure<SiloOptions>(options => options.SiloName = name);
            // Not that of the machine the tests happen to run on.
            silo.Services.AddSingleton(new EnvironmentVariables(name => environment?.GetValueOrDefault(name)));
            silo.AddRocketMQ(code);
            if (!declared)
            {
                DeclaredListeners.HideIn(silo.Services);
            }
        });
        return builder.Build();
    }

    public void Dispose() => _host.Dispose();
}
