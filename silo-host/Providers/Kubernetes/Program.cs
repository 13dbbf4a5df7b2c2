// In a pod: its name and address become the silo's, and a silo whose pod is gone is declared dead at once.
return await OrleansRocketMQ.SiloHost.SiloHostMain.RunAsync(args, silo => silo.UseKubernetesHosting());
