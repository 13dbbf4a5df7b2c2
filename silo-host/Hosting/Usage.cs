namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>What <c>--help</c> shows.</summary>
internal static class Usage
{
    public const string Text = """
        An Orleans silo that consumes RocketMQ. Without arguments: an embedded broker, a demo producer and a demo listener.

          --RocketMQ:NameServer=host:port[;host:port]    use this cluster instead of the embedded broker
          --Demo:Messages=N        send N messages, consume all of them, tell the result and end (0: all came, 1: some lost, 2: failed)
          --Demo:Rate=N            messages a second of the demo that goes on until Ctrl+C (default 1000)
          --Demo:Enabled=false     no demo: only the consumers of the section RocketMQ:Consumers
          --Orleans:Endpoints:SiloPort=N --Orleans:Endpoints:GatewayPort=N    another silo on this machine (default 11111, 30000)
          --Orleans:PrimarySilo=127.0.0.1:11111    join the cluster of that silo
          --Embedded:NameServerPort=N --Embedded:BrokerPort=N --Embedded:DataFolder=PATH    the embedded broker (default: free ports, in memory)
          --Urls=http://127.0.0.1:8088    where /health/live, /health/ready and /metrics are
          --OTEL_EXPORTER_OTLP_ENDPOINT=http://host:4317    send metrics and traces there; OpenTelemetry's other settings count, too

        Every setting can also stand in appsettings.json or in the environment (ROCKETMQ__NAMESERVER=host:port).
        """;
}
