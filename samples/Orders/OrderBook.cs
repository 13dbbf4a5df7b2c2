namespace Orders;

/// <summary>
/// Knows how each order of this run ended. A message can come twice, so an order counts once. Thread-safe: listeners of
/// many queues write here.
/// </summary>
internal sealed class OrderBook(int orders)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<int, int> _attempts = [];
    private readonly HashSet<int> _dead = [];
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Tells the orders of this run from those that earlier ones left in the topic.</summary>
    public Guid Run { get; } = Guid.NewGuid();

    public int Shipped => Read(() => _attempts.Count);

    public int Retried => Read(() => _attempts.Values.Count(attempt => attempt > 1));

    public int Dead => Read(() => _dead.Count);

    public void Ship(Order order, int attempt) => Note(order, () => _attempts[order.Number] = attempt);

    public void Bury(Order order) => Note(order, () => _dead.Add(order.Number));

    /// <summary>Waits until every order has ended; false when that takes too long.</summary>
    public async Task<bool> WaitAsync(TimeSpan limit) => await Task.WhenAny(_complete.Task, Task.Delay(limit)) == _complete.Task;

    private void Note(Order order, Action note)
    {
        if (order.Run != Run)
        {
            return;
        }

        lock (_gate)
        {
            note();
            if (_attempts.Count + _dead.Count == orders)
            {
                _complete.TrySetResult();
            }
        }
    }

    private int Read(Func<int> read)
    {
        lock (_gate)
        {
            return read();
        }
    }
}
