namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>What the checker hears of how often messages have failed.</summary>
internal sealed partial class SimulatedListeners
{
    private void Consumed(Call call, int from, int to)
    {
        for (var index = from; index < to; index++)
        {
            world.Attempts.Done(call.Queue.Queue.Index, call.Messages[index].QueueOffset);
        }
    }

    /// <summary>Messages have failed, of which the first so many are counted by whoever hears of it.</summary>
    private void Failed(Call call, IEnumerable<int> failed, int counted)
    {
        foreach (var index in failed)
        {
            world.Attempts.Failed(call.Queue.Queue.Index, call.Window, call.Messages[index].QueueOffset, counts: counted-- > 0);
        }
    }
}
