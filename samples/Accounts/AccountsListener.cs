using System.Text.Json;
using Orleans.Placement;
using OrleansRocketMQ;

namespace Accounts;

/// <summary>
/// Books transfers in the order in which they were sent. Each queue has one grain of this class, so the accounts of a
/// queue can be that grain's state: no locks, and no other grain writes it.
/// </summary>
[RocketMQListener(Group, Topic)]
[PreferLocalPlacement]
internal sealed class AccountsListener(Report report, [PersistentState("ledger")] IPersistentState<Ledger> ledger) : Grain, IOrderlyListener
{
    public const string Group = "accounts";
    public const string Topic = "Transfers";

    public async ValueTask<ConsumeOrderlyResult> ConsumeAsync(MessageBatch messages, ConsumeOrderlyContext context, CancellationToken cancellationToken)
    {
        var transfer = JsonSerializer.Deserialize<Transfer>(messages[0].Body.Span)!;
        if (transfer.Account.StartsWith("carol", StringComparison.Ordinal) && transfer.Number == 4 && context.ReconsumeTimes == 0)
        {
            // Nothing of this queue is consumed until the message has succeeded; other queues go on.
            Console.WriteLine($"  {transfer.Account}: transfer {transfer.Number} failed, its queue waits");
            return ConsumeOrderlyResult.SuspendCurrentQueue;
        }

        var account = ledger.State.Accounts.GetValueOrDefault(transfer.Account) ?? new Account();
        if (transfer.Number > account.LastNumber) // Else it came twice: delivery is at least once.
        {
            report.Book(transfer, account, context.ReconsumeTimes);
            ledger.State.Accounts[transfer.Account] = new Account(account.Balance + transfer.Amount, transfer.Number);
        }

        // Also for one that came twice: maybe because this write failed the first time.
        await ledger.WriteStateAsync(cancellationToken);
        return ConsumeOrderlyResult.Success;
    }
}
