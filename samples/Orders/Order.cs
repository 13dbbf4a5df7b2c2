namespace Orders;

/// <summary>What the shop sends.</summary>
internal sealed record Order(Guid Run, int Number, string Bank, decimal Amount);
