namespace OrleansRocketMQ.Engine.Group;

/// <summary>
/// Hashes of queues that are the same in each process, unlike those of strings: whoever goes through the queues of a group does so
/// in the same order wherever it runs, so that a run of the simulation can be seen again.
/// </summary>
internal sealed class RepeatableHashes : IEqualityComparer<MessageQueue>
{
    private const int Prime = 16777619;

    public bool Equals(MessageQueue? x, MessageQueue? y) => x == y;

    public int GetHashCode(MessageQueue queue) => Mix(Mix(queue.QueueId, queue.BrokerName), queue.Topic);

    private static int Mix(int hash, string text)
    {
        foreach (var letter in text)
        {
            hash = unchecked((hash ^ letter) * Prime);
        }

        return hash;
    }
}
