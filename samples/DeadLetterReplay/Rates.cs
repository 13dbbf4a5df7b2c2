using System.Collections.Concurrent;

namespace DeadLetterReplay;

/// <summary>What currencies are worth, and what was booked. Thread-safe.</summary>
internal sealed class Rates
{
    private readonly ConcurrentDictionary<string, decimal> _euros = new() { ["EUR"] = 1m, ["USD"] = 0.9m };
    private readonly ConcurrentDictionary<string, decimal> _booked = [];

    public void Add(string currency, decimal euros) => _euros[currency] = euros;

    public bool IsBooked(string invoice) => _booked.ContainsKey(invoice);

    public void Book(string invoice, decimal amount, string currency)
    {
        if (!_euros.TryGetValue(currency, out var euros))
        {
            throw new InvalidOperationException($"Nobody knows what a {currency} is worth."); // A failure: the message comes again.
        }

        if (_booked.TryAdd(invoice, amount * euros))
        {
            Console.WriteLine(FormattableString.Invariant($"  {invoice[..^9]}: {amount} {currency} booked as {amount * euros:0} EUR"));
        }
    }
}
