using OrleansRocketMQ.SiloHost;
using OrleansRocketMQ.SiloHost.Kubernetes;

// In a pod: its name and address become the silo's, and a silo whose pod is gone is declared dead at once.
return await SiloHostMain.RunAsync(args, silo =>
{
    Pod.Check();
    silo.UseKubernetesHosting();
});
