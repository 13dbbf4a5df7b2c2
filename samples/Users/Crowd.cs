namespace Users;

/// <summary>Counts what the users do, beside each other and in which order. Thread-safe.</summary>
internal sealed class Crowd(int users, string run)
{
    private readonly Lock _gate = new();
    private readonly HashSet<string> _inside = [];
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _most;
    private int _overlaps;
    private int _outOfOrder;
    private int _closed;

    public Task Complete => _complete.Task;

    public override string ToString()
    {
        lock (_gate)
        {
            return $"{_closed} users closed their account, {_outOfOrder} steps out of order, {_overlaps} steps of one user at the same time; up to {_most} users at the same time";
        }
    }

    /// <summary>A user's message is worked on until the result is disposed of.</summary>
    public IDisposable Enter(string user)
    {
        lock (_gate)
        {
            _overlaps += _inside.Add(user) ? 0 : 1;
            _most = Math.Max(_most, _inside.Count);
        }

        return new Visit(this, user);
    }

    public void Note(string user, UserStep before, UserStep step)
    {
        if (!user.EndsWith(run, StringComparison.Ordinal))
        {
            return; // What an earlier run left in the topic.
        }

        lock (_gate)
        {
            _outOfOrder += step == before + 1 ? 0 : 1;
            _closed += step == UserStep.Closed ? 1 : 0;
            if (_closed == users)
            {
                _complete.TrySetResult();
            }
        }
    }

    private void Leave(string user)
    {
        lock (_gate)
        {
            _inside.Remove(user);
        }
    }

    private sealed class Visit(Crowd crowd, string user) : IDisposable
    {
        public void Dispose() => crowd.Leave(user);
    }
}
