using System.Collections;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dashboard;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.SiloHost.Demo;
using OrleansRocketMQ.SiloHost.Hosting;

namespace OrleansRocketMQ.SiloHost.Settings;

/// <summary>What the settings of a built silo are, by the keys of docs/configuration.md, written as configuration writes them.</summary>
internal static class SettingsInForce
{
    public static void Write(IServiceProvider services, string file)
    {
        var values = new SortedDictionary<string, string>(StringComparer.Ordinal);
        AddAll(values, "RocketMQ", ValueOf<RocketMQOptions>(services));
        foreach (var consumer in services.GetRequiredService<ConsumerSet>().All)
        {
            AddAll(values, $"RocketMQ:Consumers:{consumer.Group}", consumer);
            foreach (var (topic, selector) in consumer.Subscriptions)
            {
                values[$"RocketMQ:Consumers:{consumer.Group}:Subscriptions:{topic}"] = $"{selector}";
            }

            values[$"listeners of {consumer.Group}"] = Path.GetDirectoryName(consumer.Listener!.Assembly.Location)!;
        }

        AddOrleans(values, services);
        AddHost(values, services);
        File.WriteAllText(file, JsonSerializer.Serialize(values));
    }

    private static void AddOrleans(SortedDictionary<string, string> values, IServiceProvider services)
    {
        AddAll(values, "Orleans", ValueOf<ClusterOptions>(services));
        AddAll(values, "Orleans:Endpoints", ValueOf<EndpointOptions>(services));
        AddAll(values, "Orleans:Membership", ValueOf<ClusterMembershipOptions>(services));
        AddAll(values, "Orleans:Directory", ValueOf<GrainDirectoryOptions>(services));
        values["Orleans:Name"] = ValueOf<SiloOptions>(services).SiloName;
        values["Orleans:PrimarySilo"] = Written(ValueOf<DevelopmentClusterMembershipOptions>(services).PrimarySiloEndpoint);
        values["membership table"] = services.GetRequiredService<IMembershipTable>().GetType().Name;
        values["storage Other"] = Written(services.GetKeyedService<IGrainStorage>("Other")?.GetType().Name);
    }

    private static void AddHost(SortedDictionary<string, string> values, IServiceProvider services)
    {
        // Where the web server looks for its addresses when it starts.
        values["Urls"] = Written(services.GetRequiredService<IConfiguration>()[WebHostDefaults.ServerUrlsKey]);
        values["ShutdownTimeoutSeconds"] = Written(ValueOf<HostOptions>(services).ShutdownTimeout.TotalSeconds);
        values["Logging:Console:FormatterName"] = Written(ValueOf<ConsoleLoggerOptions>(services).FormatterName);
        if (services.GetService<RocketMQDashboardOptions>() is { } dashboard)
        {
            AddAll(values, DashboardSettings.Section, dashboard);
        }

        foreach (var name in new[] { nameof(DashboardSettings.ViewSecret), nameof(DashboardSettings.ActSecret) })
        {
            // Secrets are not kept in a form that could be read; the one that was set opens.
            var secret = services.GetRequiredService<IConfiguration>()[$"{DashboardSettings.Section}:{name}"] ?? string.Empty;
            var (maySee, mayAct) = services.GetService<SharedSecrets>()?.Look(secret) ?? (false, false);
            values[$"{DashboardSettings.Section}:{name}"] = maySee && mayAct == (name == nameof(DashboardSettings.ActSecret)) ? secret : string.Empty;
        }

        if (services.GetService<DemoOptions>() is { } demo)
        {
            AddAll(values, "Demo", demo);
        }

        if (services.GetService<EmbeddedRocketMQ>() is { } embedded)
        {
            AddAll(values, "Embedded", services.GetRequiredService<EmbeddedRocketMQOptions>());
            values["Embedded:Brokers"] = Written(embedded.Brokers.Count);
            values["Embedded:NameServerPort"] = PortOf(embedded.NameServerAddress);
            values["Embedded:BrokerPort"] = PortOf(embedded.Broker.Address);
        }
    }

    private static void AddAll(SortedDictionary<string, string> values, string section, object options)
    {
        foreach (var property in options.GetType().GetProperties())
        {
            values[$"{section}:{property.Name}"] = Written(property.GetValue(options));
        }
    }

    private static string Written(object? value) => value switch
    {
        null => string.Empty,
        bool flag => flag ? "true" : "false",
        TimeSpan time => time.ToString("c", CultureInfo.InvariantCulture),
        DateTimeOffset time => time.ToString("O", CultureInfo.InvariantCulture),
        string text => text,
        IDictionary map => string.Join(", ", map.Keys.Cast<object>().Select(key => $"{key} = {Written(map[key])}").Order()),
        IEnumerable<ErrorRule> rules => string.Join(';', rules.Select(rule => $"{rule.Exception}: {rule.Then}")),
        IEnumerable<MessageQueue> queues => string.Join(';', queues.Select(queue => $"{queue.Topic}/{queue.BrokerName}/{queue.QueueId}")),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static T ValueOf<T>(IServiceProvider services)
        where T : class => services.GetRequiredService<IOptions<T>>().Value;

    private static string PortOf(string address) => address[(address.LastIndexOf(':') + 1)..];
}
