using OrleansRocketMQ.SiloHost;
using OrleansRocketMQ.SiloHost.Demo;

var builder = WebApplication.CreateBuilder(args);

// Without a name server in the settings the host brings its own broker, so that a first run needs nothing else.
await using var embedded = await EmbeddedDefault.StartIfNeededAsync(builder.Configuration);

builder.Host.UseOrleans(silo =>
{
    silo.UseConfiguredClustering();
    silo.AddMemoryGrainStorageAsDefault();
    silo.AddRocketMQ();
    silo.AddDemo();
});
builder.Services.AddHealthChecks().AddRocketMQ();

var app = builder.Build();
app.MapRocketMQHealth();
var verdict = app.Services.GetService<DemoVerdict>();
await app.RunAsync();
return verdict?.ExitCode ?? 0;
