namespace Accounts;

/// <summary>What the bank's branches send: money that comes to an account or leaves it. Numbered per account, from 1.</summary>
internal sealed record Transfer(string Account, int Number, int Amount);
