namespace OrleansRocketMQ.Engine.Simulation.World;

/// <summary>A simulated server has refused a call, or has not answered.</summary>
internal sealed class CallFailedException(FaultKind reason) : Exception($"the call failed: {reason}")
{
    public FaultKind Reason => reason;
}

/// <summary>Whoever calls has died: nothing of it goes on.</summary>
internal sealed class OwnerDiedException() : Exception("the owner has died");
