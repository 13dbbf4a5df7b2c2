using System.Diagnostics.Metrics;
using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Consumers;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Tests.Telemetry;

/// <summary>What is told costs no memory, be it to nobody or to somebody, as long as nothing fails.</summary>
public sealed class CostTests
{
    private const int Rounds = 1000;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Telling_allocates_nothing(bool somebodyListens)
    {
        using var services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        var factory = services.GetRequiredService<IMeterFactory>();
        var metrics = new RocketMQMetrics(factory, new ConsumerRegistry());
        var queue = new QueueMetrics(metrics, "billing", new MessageQueue("orders", "broker-a", 0));
        var told = 0L;
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (somebodyListens && ReferenceEquals(instrument.Meter.Scope, factory))
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => told += value);
        listener.SetMeasurementEventCallback<double>((_, _, _, _) => told++);
        listener.Start();
        Tell();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var round = 0; round < Rounds; round++)
        {
            Tell();
        }

        // What the runtime itself needs once is less than a byte for each round.
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Rounds - 1);
        Assert.Equal(somebodyListens ? (Rounds + 1) * (64 + 1 + 1 + 1 + 1 + 1) : 0, told);

        void Tell()
        {
            queue.Succeeded(64);
            queue.Failed(failures: null);
            queue.Retried(1);
            queue.FiledAsDead(1);
            queue.Pulled(TimeSpan.FromMilliseconds(1), "127.0.0.1:10911");
            metrics.Processed("billing", "orders", TimeSpan.FromMilliseconds(1), errorType: null);
        }
    }
}
