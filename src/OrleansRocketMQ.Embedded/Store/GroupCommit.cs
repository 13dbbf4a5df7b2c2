namespace OrleansRocketMQ.Embedded.Store;

/// <summary>
/// Waits until the disk has what was appended. Those who come while it writes wait for the next time together, which is for all
/// that was appended until then. Mirrors <c>GroupCommitService</c>.
/// </summary>
internal sealed class GroupCommit(CommitLog log)
{
    private readonly Lock _lock = new();

    // What a process has left that crashed may not be there either.
    private long _onDisk;

    /// <summary>Waits until the disk has everything below an offset of the commit log.</summary>
    /// <returns>False when that failed: the messages are stored, and a crash of the machine may take them.</returns>
    public bool TryFlush(long end)
    {
        lock (_lock)
        {
            if (_onDisk >= end)
            {
                return true;
            }

            var target = log.MaxOffset;
            try
            {
                log.Flush(_onDisk);
            }
            catch (IOException)
            {
                return false;
            }

            _onDisk = target;
            return true;
        }
    }
}
