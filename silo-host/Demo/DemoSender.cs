using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.SiloHost.Demo;

/// <summary>Sends numbered messages and keeps book of them.</summary>
internal sealed class DemoSender(Producer producer, DemoOptions options, DemoLedger ledger)
{
    private const int BatchSize = 64;
    private const int SendsAtOnce = 4;
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    /// <summary>Sends that many messages as fast as it goes.</summary>
    /// <exception cref="RocketMQException">The cluster did not take one.</exception>
    public Task SendAllAsync(int messages, CancellationToken cancellationToken)
    {
        var batches = Enumerable.Range(0, (messages + BatchSize - 1) / BatchSize).Select(batch => (long)batch * BatchSize);
        var limit = new ParallelOptions { MaxDegreeOfParallelism = SendsAtOnce, CancellationToken = cancellationToken };
        return Parallel.ForEachAsync(
            batches, limit, async (first, token) => await SendBatchAsync(first, (int)Math.Min(BatchSize, messages - first), token));
    }

    /// <summary>Sends at the rate of the options until cancelled.</summary>
    /// <param name="failed">Told when messages could not be sent.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task SendPacedAsync(Action<Exception> failed, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Tick);
        var owed = 0.0;
        var number = 0L;
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            owed += options.Rate * Tick.TotalSeconds;
            while (owed >= 1)
            {
                var count = (int)Math.Min(owed, BatchSize);
                owed -= count;
                try
                {
                    await SendBatchAsync(number, count, cancellationToken);
                }
                catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
                {
                    failed(exception);
                    // What could not be sent is not made up for: a broker that comes back must not drown.
                    owed = 0;
                }

                // A batch that failed may have been stored all the same; its numbers are used up.
                number += count;
            }
        }
    }

    private async Task SendBatchAsync(long first, int count, CancellationToken cancellationToken)
    {
        var batch = new Message[count];
        for (var index = 0; index < count; index++)
        {
            batch[index] = new Message(options.Topic, ledger.NewBody(first + index, options.BodyLength));
        }

        await producer.SendAsync(batch, cancellationToken: cancellationToken);
        ledger.CountSent(count);
    }
}
