return await OrleansRocketMQ.SiloHost.SiloHostMain.RunAsync(args);
