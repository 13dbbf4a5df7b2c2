using OrleansRocketMQ.Engine.Ports;
using OrleansRocketMQ.Engine.Window;

namespace OrleansRocketMQ.Engine.Dispatch.Concurrent;

/// <summary>What a slot knows of the listener it calls, and of the run it has. Not thread-safe.</summary>
internal sealed class DispatchWorker(IListener listener, TimeProvider time) : IDisposable
{
    /// <summary>Waits for its calls.</summary>
    public CallWait Wait { get; } = new(time);

    public IListener Listener { get; set; } = listener;

    /// <summary>Whether the last call reached it.</summary>
    public bool IsReached { get; set; } = true;

    /// <summary>What of the run has neither ended nor been passed on: if the slot fails, it is for it to return.</summary>
    public ProcessQueueRange Open { get; set; }

    public void Dispose() => Wait.Dispose();
}
