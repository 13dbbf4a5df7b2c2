namespace Checkout;

/// <summary>What the web site sends.</summary>
/// <param name="Id">The order.</param>
/// <param name="Run">The run of this sample: what others have left in the topic is passed over.</param>
/// <param name="Amount">What it costs.</param>
public sealed record OrderPlaced(string Id, string Run, int Amount);

/// <summary>What the shop sends because of an order.</summary>
/// <param name="OrderId">The order.</param>
/// <param name="Run">The run of this sample.</param>
/// <param name="Customer">Who is to pay.</param>
/// <param name="Amount">How much.</param>
/// <param name="Spent">What the customer has ordered in all, this order included: the state when it was recorded.</param>
public sealed record PaymentDue(string OrderId, string Run, string Customer, int Amount, int Spent);
