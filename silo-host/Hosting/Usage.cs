namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>What <c>--help</c> shows.</summary>
internal static class Usage
{
    public const string Text = """
        An Orleans silo that consumes RocketMQ. Without arguments: an embedded broker, a demo producer and a demo listener.

          --RocketMQ:NameServer=host:port[;host:port]    use this cluster instead of the embedded broker
          --Listeners:Path=FOLDER  load listeners from FOLDER: X.dll with its X.deps.json, there or in a folder in it; no demo then
          --check                  start nothing; tell whether the settings are right and all that is needed can be reached
          --Demo:Messages=N        send N messages, consume all of them, tell the result and end (0: all came, 1: some did not)
          --Demo:Rate=N            messages a second of the demo that goes on until Ctrl+C (default 1000)
          --Demo:Enabled=false     no demo: only the consumers of the section RocketMQ:Consumers and of Listeners:Path
          --Orleans:Endpoints:SiloPort=N --Orleans:Endpoints:GatewayPort=N    another silo on this machine (default 11111, 30000)
          --Orleans:PrimarySilo=127.0.0.1:11111    join the cluster of that silo
          --Orleans:Clustering:ProviderType=NAME   a cluster over several machines; the programs in silo-host/Providers
                                                   have AdoNet and Redis
          --Embedded:NameServerPort=N --Embedded:BrokerPort=N --Embedded:DataFolder=PATH
                                                   the embedded broker (default: free ports, in memory)
          --Embedded:Brokers=N --Embedded:Slaves=N    several embedded brokers, each with slaves
          --Urls=http://127.0.0.1:8088    where /dashboard, /metrics, /health/live and /health/ready are
          --OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4317    send metrics and traces there; OpenTelemetry's other settings count, too
          --ShutdownTimeoutSeconds=N      how long a stop may take (default 30); RocketMQ:ShutdownTimeout is the listeners' part of it
          --Logging:Console:FormatterName=json    logs for a collector, one JSON object a line

        Every setting can also stand in appsettings.json or in the environment (ROCKETMQ__NAMESERVER=host:port). An argument
        overrides the environment, the environment overrides the file.

        SIGTERM or Ctrl+C: no more pulls, listeners finish, offsets are committed, queues go to other silos. A second one ends it at once.
        Before its silo has joined, the first one ends it within two seconds.

        Exit codes: 0 as asked; 1 failed, or messages of a run with an end are missing; 2 a setting is wrong, or what it names
        (port, folder, file) cannot be used; 3 a name server, broker or the store of the Orleans cluster does not let us in;
        4 silo-host-kubernetes outside a pod. 128 and more: the system ended it by a signal (137 SIGKILL).
        """;
}
