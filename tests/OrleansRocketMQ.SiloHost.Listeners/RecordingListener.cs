using System.Text;
using Microsoft.FSharp.Collections;
using Orleans;
using Orleans.Concurrency;

namespace OrleansRocketMQ.SiloHost.Listeners;

/// <summary>Writes a line for each message it has consumed to the file that the environment names; one that says so makes it hang, fail, give up or crash the process.</summary>
[RocketMQListener(Group, Topic)]
[StatelessWorker]
internal sealed class RecordingListener : Grain, IConcurrentListener
{
    public const string Group = "recorders";
    public const string Topic = "records";

    private static readonly Lock s_gate = new();
    private static readonly string? s_file = Environment.GetEnvironmentVariable("TEST_RECORD_FILE");

    public async ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        var lines = ListModule.OfSeq(messages.Select(message => Encoding.UTF8.GetString(message.Body.Span)));
        if (lines.Contains("hang"))
        {
            Record(["hangs"]);
            await Task.Delay(Timeout.Infinite, CancellationToken.None);
        }

        if (lines.Contains("crash"))
        {
            new Thread(() => throw new InvalidOperationException("A thread of a listener failed.\nIn two lines.")).Start();
        }

        if (lines.Contains("fail") || lines.Contains("give up"))
        {
            context.DelayLevelWhenNextConsume = lines.Contains("give up") ? -1 : 0;
            return ConsumeResult.ReconsumeLater;
        }

        // So long that a stop finds messages under way.
        await Task.Delay(TimeSpan.FromMilliseconds(20), CancellationToken.None);
        Record(lines);
        return ConsumeResult.Success;
    }

    private static void Record(IEnumerable<string> lines)
    {
        lock (s_gate)
        {
            File.AppendAllLines(s_file ?? throw new InvalidOperationException("TEST_RECORD_FILE is not set."), lines);
        }
    }
}
