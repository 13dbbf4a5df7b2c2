using Microsoft.Extensions.DependencyInjection.Extensions;
using OrleansRocketMQ.Chaos.Silo;

return await OrleansRocketMQ.SiloHost.SiloHostMain.RunAsync(
    args,
    silo =>
    {
        var clock = new ChaosClock();
        silo.Services.Replace(ServiceDescriptor.Singleton<TimeProvider>(clock));
        silo.Services.AddSingleton<IStartupFilter>(new ClockControl(clock));
    });
