using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Simulation.Checking;

namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>Faults that wait until their queue enters a state, so that each state meets each of them.</summary>
/// <param name="queues">How many queues there are.</param>
internal sealed class Triggers(int queues)
{
    /// <summary>The broker has told the queue's owner to go on elsewhere; the queue's state does not know yet.</summary>
    public const string ResetTold = "reset told";

    /// <summary>The broker has granted the queue's lock; the queue's state does not know yet.</summary>
    public const string LockGranted = "lock granted";

    private readonly List<(string When, TaskCompletionSource<bool> Entered)>[] _waiting = [.. Enumerable.Range(0, queues).Select(_ => new List<(string, TaskCompletionSource<bool>)>())];
    private bool _isOver;

    /// <summary>Waits until a queue enters a state.</summary>
    /// <returns>False when it has not before the faults of the run were over.</returns>
    public Task<bool> WaitAsync(int queue, string when)
    {
        if (_isOver)
        {
            return Task.FromResult(false);
        }

        var entered = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _waiting[queue].Add((when, entered));
        return entered.Task;
    }

    /// <summary>A queue is about to hear of an event.</summary>
    public void Happens(int queue, QueueState state, QueueEvent happened)
    {
        if (_waiting[queue].Count > 0 && Coverage.Column(state.Next(happened).State) is var next && next != Coverage.Column(state))
        {
            Enters(queue, next);
        }
    }

    /// <summary>A queue enters a state, or has come to a moment.</summary>
    public void Enters(int queue, string when)
    {
        var waiting = _waiting[queue];
        for (var index = waiting.Count - 1; index >= 0; index--)
        {
            if (waiting[index].When == when)
            {
                waiting[index].Entered.SetResult(true);
                waiting.RemoveAt(index);
            }
        }
    }

    /// <summary>What has not come yet does not come any more.</summary>
    public void End()
    {
        _isOver = true;
        foreach (var waiting in _waiting)
        {
            waiting.ForEach(one => one.Entered.SetResult(false));
            waiting.Clear();
        }
    }
}
