using OrleansRocketMQ.Engine.Simulation.World;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>What listeners read.</summary>
internal sealed partial class SimulatedListeners
{
    public const string StaysReadable = "the bytes of a message stay what they are for as long as a listener has it";

    /// <summary>Holds what the messages of a call are in, from before it until it has really ended; as a silo does.</summary>
    private static Held Hold(Call call)
    {
        var bodies = call.Messages.Select(message => message.Pooled).OfType<PooledBody>().Distinct().ToArray();
        if (!Array.TrueForAll(bodies, body => body.TryHold()))
        {
            call.Queue.Ledger.Fail(StaysReadable, $"{call.Queue.Name} gives a listener what has gone back to its pool");
        }

        return new Held(bodies);
    }

    private void CheckReadable(Call call, int from, int to)
    {
        if (!world.Setup.Leases)
        {
            return;
        }

        // What was taken back is not the call's any more.
        foreach (var message in call.Messages[from..to].Where(static message => message is not null))
        {
            if (!Records.IsBodyOf(message.Body.Span, world.Find(message).Message))
            {
                call.Queue.Ledger.Fail(StaysReadable, $"{call.Queue.Name} has a listener read another body at {message.QueueOffset}");
            }
        }
    }

    /// <summary>What a call holds until it has ended.</summary>
    private sealed class Held(PooledBody[] bodies) : IDisposable
    {
        public void Dispose() => Array.ForEach(bodies, body => body.Release());
    }
}
