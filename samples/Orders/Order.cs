using System.Collections.Concurrent;
using System.Text.Json;

namespace Orders;

public sealed record Order(string Id, string Customer, decimal Amount)
{
    /// <summary>An amount whose payment fails once.</summary>
    public const decimal BusyOnFirstTry = 999;

    /// <summary>An amount nobody can ever pay.</summary>
    public const decimal Impossible = -1;

    public static Order FromJson(ReadOnlyMemory<byte> json) => JsonSerializer.Deserialize<Order>(json.Span)!;

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this);
}

/// <summary>What was done, told as it happens.</summary>
public sealed class OrderBook
{
    private readonly ConcurrentDictionary<string, Order> _handled = new();
    private int _failures;

    public IReadOnlyCollection<Order> Handled => [.. _handled.Values];

    public int Failures => _failures;

    public void Handle(Order order, int attemptsBefore)
    {
        _handled[order.Id] = order;
        Console.WriteLine($"handled   {order.Id} of {order.Customer}{(attemptsBefore > 0 ? $" at attempt {attemptsBefore + 1}" : string.Empty)}");
    }

    public void CountFailure(Order order, int attemptsBefore)
    {
        Interlocked.Increment(ref _failures);
        Console.WriteLine($"failed    {order.Id} of {order.Customer} at attempt {attemptsBefore + 1}");
    }
}
