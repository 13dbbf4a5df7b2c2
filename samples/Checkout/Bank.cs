using OrleansRocketMQ;

namespace Checkout;

/// <summary>
/// Charges customers. It knows a payment by its message's id: a copy that comes because nobody knew that the first had arrived
/// has the same. Thread-safe.
/// </summary>
internal sealed class Bank(string run)
{
    public const string Group = "checkout-bank";

    private readonly Lock _gate = new();
    private readonly HashSet<string> _ids = [];
    private readonly Dictionary<string, List<PaymentDue>> _charged = [];

    /// <summary>How many payments came again.</summary>
    public int Again { get; private set; }

    public int Count
    {
        get
        {
            lock (_gate)
            {
                return _charged.Values.Sum(payments => payments.Count);
            }
        }
    }

    public Task ChargeAsync(Message<PaymentDue> message)
    {
        lock (_gate)
        {
            if (message.Value.Run == run && _ids.Add(message.Raw.MessageId))
            {
                if (!_charged.TryGetValue(message.Value.Customer, out var payments))
                {
                    _charged[message.Value.Customer] = payments = [];
                }

                payments.Add(message.Value);
            }
            else if (message.Value.Run == run)
            {
                Again++;
            }
        }

        return Task.CompletedTask;
    }

    /// <summary>Whether a customer was charged for each order, once and in order, and the shop counted each once.</summary>
    public bool IsRight(string customer, IReadOnlyList<OrderPlaced> orders)
    {
        lock (_gate)
        {
            var payments = _charged.GetValueOrDefault(customer) ?? [];
            return payments.Select(payment => payment.OrderId).SequenceEqual(orders.Select(order => order.Id))
                && payments[^1].Spent == orders.Sum(order => order.Amount);
        }
    }
}
