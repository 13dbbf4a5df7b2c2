using System.Runtime.InteropServices;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Benchmarks;

/// <summary>Listeners that do to their silo what listeners can do.</summary>
internal sealed class HostileListeners(string fault)
{
    public const string Behaves = "behaves";

    private const int MostBusy = 64;
    private int _struck;
    private int _busy;

    /// <summary>What they can do, by name.</summary>
    public static IReadOnlyList<string> Faults { get; } = ["throws", "hangs", "blocks", "throwing-callbacks", "blocking-callbacks", "exhausts-pool", "mutates"];

    public int Struck => Volatile.Read(ref _struck);

    public void AddTo(RocketMQBuilder rocketmq, string group, string topic) => rocketmq.AddConsumer(group, consumer => consumer
        .Subscribe(topic)
        .Handle(ConsumeAsync)
        .Configure(options => (options.ConsumeFromWhere, options.ConsumeTimeout) = (ConsumeFromWhere.FirstOffset, TimeSpan.FromSeconds(1))));

    private async Task<ConsumeResult> ConsumeAsync(MessageExt message, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _struck);
        switch (fault)
        {
            case "throws":
                throw new InvalidOperationException("as always");
            case "hangs":
                await Task.Delay(Timeout.Infinite, CancellationToken.None);
                break;
            case "blocks":
                Thread.Sleep(TimeSpan.FromSeconds(2));
                break;
            case "throwing-callbacks":
                cancellationToken.Register(static () => throw new InvalidOperationException("from a callback"));
                await Task.Delay(Timeout.Infinite, CancellationToken.None);
                break;
            case "blocking-callbacks":
                cancellationToken.Register(static () => Thread.Sleep(TimeSpan.FromSeconds(2)));
                await Task.Delay(Timeout.Infinite, CancellationToken.None);
                break;
            case "exhausts-pool":
                Exhaust();
                break;
            case "mutates":
                MemoryMarshal.AsMemory(message.Body).Span.Fill(0xff);
                return ConsumeResult.ReconsumeLater;
        }

        return ConsumeResult.Success;
    }

    // So many at once, all the time: without a bound it would measure how fast the pool makes threads.
    private void Exhaust()
    {
        while (Interlocked.Increment(ref _busy) <= MostBusy)
        {
            ThreadPool.UnsafeQueueUserWorkItem(
                static listeners =>
                {
                    Thread.Sleep(TimeSpan.FromSeconds(1));
                    Interlocked.Decrement(ref listeners._busy);
                },
                this,
                preferLocal: false);
        }

        Interlocked.Decrement(ref _busy);
    }
}
