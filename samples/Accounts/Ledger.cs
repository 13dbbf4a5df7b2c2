namespace Accounts;

/// <summary>The accounts whose transfers come through one queue. Kept in grain storage.</summary>
[GenerateSerializer]
internal sealed class Ledger
{
    [Id(0)]
    public Dictionary<string, Account> Accounts { get; set; } = [];
}

/// <param name="Balance">What is on it.</param>
/// <param name="LastNumber">The last transfer that was booked.</param>
[GenerateSerializer]
internal sealed record Account([property: Id(0)] int Balance = 0, [property: Id(1)] int LastNumber = 0);
