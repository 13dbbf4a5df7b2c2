using OrleansRocketMQ.Benchmarks;

// Each figure comes from a process of its own, so that none inherits another's heap or warmed-up code.
var arguments = Arguments.Parse(args);
return args.FirstOrDefault() switch
{
    "decode" => Micro.Run<DecodeBenchmark>(),
    "calls" => await CallsBenchmark.RunAsync(arguments),
    "spans" => Micro.Run<SpansBenchmark>(),
    "statistics" => Micro.Run<StatisticsBenchmark>(),
    "broker" => await BrokerProcess.RunAsync(),
    "preload" => await Preload.RunAsync(arguments),
    "consume" => await ConsumeBenchmark.RunAsync(arguments),
    "pull" => await PullBenchmark.RunAsync(arguments),
    "socket" => await SocketBenchmark.RunAsync(arguments),
    "ceiling" => await CeilingBenchmark.RunAsync(arguments),
    "allocate" => Micro.Run<AllocateBenchmark>(),
    "allocations" => await AllocationsBenchmark.RunAsync(arguments),
    "subscriptions" => await SubscriptionsBenchmark.RunAsync(),
    "compare" => await CompareBenchmark.RunAsync(arguments),
    "failover" => await FailoverBenchmark.RunAsync(arguments),
    "latency" => await LatencyBenchmark.RunAsync(arguments),
    "echo" => RoundTrips.RunEcho(),
    "growth" => await GrowthBenchmark.RunAsync(arguments),
    "plot" => await PlotCommand.RunAsync(arguments),
    "pop" => await PopBenchmark.RunAsync(arguments),
    "pop-width" => await PopWidthBenchmark.RunAsync(arguments),
    "pauses" => await PausesBenchmark.RunAsync(arguments),
    "faults-brokers" => await FaultsBrokers.RunAsync(),
    "faults" => await FaultsBenchmark.RunAsync(arguments),
    "start" => await StartBenchmark.RunAsync(arguments),
    "idle" => await IdleBenchmark.RunAsync(arguments),
    "heap-load" => await HeapBenchmark.LoadAsync(arguments),
    "heap" => await HeapBenchmark.RunAsync(arguments),
    "operations" => await OperationsBenchmark.RunAsync(arguments),
    "scale" => await ScaleBenchmark.RunAsync(arguments),
    "hostile" => await HostileBenchmark.RunAsync(arguments),
    _ => await Suite.RunAsync(arguments),
};
