namespace OrleansRocketMQ.Engine.Simulation.Kernel;

/// <summary>A run has failed: a rule is broken, or the run did not stay within the simulation.</summary>
internal sealed class SimulationException : Exception
{
    /// <param name="rule">The rule, always in the same words, so that two failures can be told to be the same.</param>
    /// <param name="detail">What was seen.</param>
    /// <param name="inner">What caused it.</param>
    public SimulationException(string rule, string detail, Exception? inner = null)
        : base($"{rule}: {detail}", inner) => Rule = rule;

    public string Rule { get; }
}
