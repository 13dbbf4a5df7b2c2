using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Runs a benchmark of BenchmarkDotNet as a short job. In this process, so that nothing is compiled by a second build.</summary>
internal static class Micro
{
    public static int Run<TBenchmark>()
    {
        var config = DefaultConfig.Instance
            .AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).WithClock(new ProcessorClock()))
            .AddDiagnoser(MemoryDiagnoser.Default)
            .WithArtifactsPath(Path.Combine(Path.GetTempPath(), "orleans-rocketmq-benchmarks"));
        var summary = BenchmarkRunner.Run<TBenchmark>(config);
        return summary.HasCriticalValidationErrors || !summary.Reports.All(report => report.Success) ? 1 : 0;
    }
}
