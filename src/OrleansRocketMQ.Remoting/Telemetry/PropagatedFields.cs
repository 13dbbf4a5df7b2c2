using System.Diagnostics;
using System.Text;

namespace OrleansRocketMQ.Telemetry;

/// <summary>The properties by which a propagator carries a trace. Immutable.</summary>
internal sealed class PropagatedFields(DistributedContextPropagator propagator)
{
    // Those of .NET look for nothing but the fields they name; what others name is, by the contract, only likely.
    private static readonly HashSet<Type> OfDotNet =
    [
        DistributedContextPropagator.CreateDefaultPropagator().GetType(),
        DistributedContextPropagator.CreateW3CPropagator().GetType(),
        DistributedContextPropagator.CreatePreW3CPropagator().GetType(),
        DistributedContextPropagator.CreatePassThroughPropagator().GetType(),
        DistributedContextPropagator.CreateNoOutputPropagator().GetType(),
    ];

    private readonly byte[][]? _names = OfDotNet.Contains(propagator.GetType())
        ? [.. propagator.Fields.Select(Encoding.UTF8.GetBytes)]
        : null;

    /// <summary>Whose they are.</summary>
    public DistributedContextPropagator Propagator { get; } = propagator;

    /// <summary>Whether one of them is among a message's properties; true where it is not known which they are.</summary>
    public bool MayBeIn(ReadOnlySpan<byte> storedProperties)
    {
        if (_names is null)
        {
            return true;
        }

        foreach (var property in new PropertyEnumerator(storedProperties))
        {
            foreach (var name in _names)
            {
                if (property.Name.SequenceEqual(name))
                {
                    return true;
                }
            }
        }

        return false;
    }
}
