using Orleans.Concurrency;
using OrleansRocketMQ.Producing;

namespace OrleansRocketMQ.Docs.Snippets;

/// <summary>docs/concepts.md and docs/operations.md</summary>
internal static class ConceptSnippets
{
    public static async Task<long?> ManageAsync(IGrainFactory grains)
    {
        var group = grains.GetGrain<IConsumerGroupManagementGrain>("billing");
        var status = await group.GetStatusAsync();
        await group.PauseAsync(ConsumerScope.OfTopic("orders"));
        await group.SeekAsync(ConsumerScope.OfTopic("orders"), SeekTarget.AtTime(DateTimeOffset.UtcNow.AddHours(-1)));
        await group.ResumeAsync(ConsumerScope.OfTopic("orders"));
        return status.Lag;
    }

    public static async Task RemindAsync(Producer producer, byte[] body)
    {
        var reminder = new Message("reminders", body);
        reminder.DeliverAfter = TimeSpan.FromMinutes(45);
        await producer.SendAsync(reminder);
    }

    public static async Task<ConsumerGroupStatus> AskAsync(IClusterClient client)
    {
        var group = client.GetGrain<IConsumerGroupManagementGrain>("billing");
        var status = await group.GetStatusAsync();
        return status;
    }
}

[StatelessWorker]
public sealed class ViewCounter : Grain, ILeasedListener
{
    public ValueTask<ConsumeResult> ConsumeAsync(LeasedBatch messages, ConsumeContext context, CancellationToken cancellationToken)
    {
        foreach (var message in messages)
        {
            Views.Count(message.Body.Span);
        }

        return ValueTask.FromResult(ConsumeResult.Success);
    }
}

internal static class Views
{
    public static void Count(ReadOnlySpan<byte> view) => throw new NotSupportedException($"{view.Length}");
}
