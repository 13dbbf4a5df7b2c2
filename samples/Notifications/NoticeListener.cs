using System.Text;
using Orleans.Concurrency;
using OrleansRocketMQ;

namespace Notifications;

/// <summary>Shows a notice on the screen of the silo it runs on. The silo's name is the screen's, and keeps its progress.</summary>
[RocketMQListener(Group, Topic)]
[StatelessWorker] // Runs where the queue is: every silo has queues of its own here.
internal sealed class NoticeListener(Screens screens, ILocalSiloDetails silo) : Grain, IConcurrentListener
{
    public const string Group = "screens";
    public const string Topic = "Notices";

    public ValueTask<ConsumeResult> ConsumeAsync(MessageBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        screens.Show(silo.Name, Encoding.UTF8.GetString(messages[0].Body.Span));
        return ValueTask.FromResult(ConsumeResult.Success);
    }
}
