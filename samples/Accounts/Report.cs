namespace Accounts;

/// <summary>Looks over the listeners' shoulders and notes what must never happen. Thread-safe: several queues report here.</summary>
internal sealed class Report(IReadOnlyList<string> accounts, int transfersEach)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, int> _balances = [];
    private readonly TaskCompletionSource _complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _booked;
    private int _outOfOrder;
    private int _overdrawn;
    private int _afterFailure;

    public Task Complete => _complete.Task;

    public override string ToString()
    {
        lock (_gate)
        {
            return $"{_booked} transfers booked, {_afterFailure} after a failure; {_outOfOrder} out of order, {_overdrawn} times below zero; balances "
                + string.Join(", ", accounts.Select(account => _balances.GetValueOrDefault(account)));
        }
    }

    /// <param name="transfer">What is to be booked.</param>
    /// <param name="account">The account before.</param>
    /// <param name="failures">How often the message has failed.</param>
    public void Book(Transfer transfer, Account account, int failures)
    {
        if (!accounts.Contains(transfer.Account))
        {
            return; // What an earlier run left in the topic.
        }

        lock (_gate)
        {
            _booked++;
            _outOfOrder += transfer.Number == account.LastNumber + 1 ? 0 : 1;
            _overdrawn += account.Balance + transfer.Amount < 0 ? 1 : 0;
            _afterFailure += failures > 0 ? 1 : 0;
            _balances[transfer.Account] = account.Balance + transfer.Amount;
            if (_booked == accounts.Count * transfersEach)
            {
                _complete.TrySetResult();
            }
        }
    }
}
