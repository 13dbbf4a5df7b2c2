namespace OrleansRocketMQ.Benchmarks;
internal static class BrokerProcess { public static Task<int> RunAsync() => throw new NotSupportedException(); }
internal static class Suite { public static Task<int> RunAsync(Arguments a) => throw new NotSupportedException(a.ToString()); }
