namespace OrleansRocketMQ.Protocol;

/// <summary>What the protocol takes over from Java's strings.</summary>
public static class JavaString
{
    /// <summary><c>String.hashCode()</c>: brokers file tags, and producers choose queues, by it.</summary>
    public static int HashCode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var hash = 0;
        foreach (var unit in text)
        {
            hash = unchecked((31 * hash) + unit);
        }

        return hash;
    }
}
