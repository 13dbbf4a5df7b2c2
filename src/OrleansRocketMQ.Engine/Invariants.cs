using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace OrleansRocketMQ.Engine;

/// <summary>Rules that stay on in production. A broken one stops its queue with an error that names it.</summary>
internal static class Invariant
{
    /// <summary>Throws when a rule does not hold. Free of allocation while it does.</summary>
    /// <exception cref="InvariantBrokenException">It does not hold.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Holds([DoesNotReturnIf(false)] bool condition, string rule)
    {
        if (!condition)
        {
            Break(rule);
        }
    }

    [DoesNotReturn]
    private static void Break(string rule) => throw new InvariantBrokenException(rule);
}

/// <summary>A rule of the engine that was broken: a fault of this product, never of a message or a peer.</summary>
internal sealed class InvariantBrokenException(string rule) : InvalidOperationException($"A rule of the engine is broken: {rule}");
