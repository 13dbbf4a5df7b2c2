using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.SiloHost;
using OrleansRocketMQ.SiloHost.Demo;
using OrleansRocketMQ.SiloHost.Settings;

var file = Environment.GetEnvironmentVariable("TEST_SETTINGS_FILE")
    ?? throw new InvalidOperationException("TEST_SETTINGS_FILE is not set.");
if (Environment.GetEnvironmentVariable("ROCKETMQ_CONSUMER_GROUP") is not null)
{
    // A silo of one's own whose consumer the environment describes.
    var builder = Host.CreateApplicationBuilder(args);
    builder.UseOrleans(silo => silo.UseLocalhostClustering().AddRocketMQ(rocketmq => rocketmq.AddConsumerFromEnvironment<DemoListener>()));
    using var host = builder.Build();
    SettingsInForce.Write(host.Services, file);
    return 0;
}

// What the last validator throws ends the host, which tells of it as of any failure.
var exitCode = await SiloHostMain.RunAsync(
    args, silo => silo.Services.AddSingleton<IConfigurationValidator>(services => new LastValidator(services, file)));
return File.Exists(file) ? 0 : exitCode;
