using System.Text.Json;
using OrleansRocketMQ.Chaos.Checking;
using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>
/// What an operator does at the dashboard of a silo, while all else goes on: what he begins may fail, and nobody minds; what ends it is
/// tried at any silo until it is done.
/// </summary>
internal sealed class OperatorFaults(SiloFleet silos, OffsetHistory offsets, RoundEvents events)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(120);
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan SeekBy = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan CommittedWithin = TimeSpan.FromSeconds(15);

    public static bool AreOf(FaultKind kind) => kind is FaultKind.PauseGroup or FaultKind.LimitRate or FaultKind.MoveQueue or FaultKind.DrainSilo
        or FaultKind.SeekBack or FaultKind.Resubscribe or FaultKind.StopGroup;

    public Task StrikeAsync(Fault fault)
    {
        var group = RoundTopics.All[fault.Target % RoundTopics.All.Count];
        return fault.Kind switch
        {
            FaultKind.PauseGroup => ForAWhileAsync(fault, group, ("pause", new { }), ("resume", new { })),
            FaultKind.LimitRate => ForAWhileAsync(
                fault, group, ("limit", new { topic = group, messagesPerSecond = 20 + fault.Amount }), ("limit", new { topic = group })),
            FaultKind.Resubscribe => ForAWhileAsync(fault, group, ("unsubscribe", new { topic = group }), ("subscribe", new { topic = group })),
            FaultKind.StopGroup => ForAWhileAsync(fault, group, ("stop", new { }), ("start", new { })),
            FaultKind.SeekBack => SeekAsync(fault, group),
            FaultKind.MoveQueue => MoveAsync(fault, group),
            _ => DrainAsync(fault, group),
        };
    }

    // Brokers are told of it when the members have it: till then what they tell says nothing.
    private async Task SeekAsync(Fault fault, string group)
    {
        using var unknown = offsets.NotKnown(group);
        await TryAsync(fault, group, "seek", new { topic = group, target = "time", time = DateTimeOffset.UtcNow - SeekBy });
        await Task.Delay(CommittedWithin);
    }

    private async Task MoveAsync(Fault fault, string group)
    {
        if (await LookAsync(fault, group) is not { } shown)
        {
            return;
        }

        var queues = Operator.QueuesOf(shown).Where(queue => queue.Topic == group).ToList();
        if (queues.Count == 0 || queues.Select(queue => queue.Silo).Distinct().Count() < 2)
        {
            events.Add("there is no queue to move, or nowhere to");
            return;
        }

        var queue = queues[fault.Amount % queues.Count];
        var silo = queues.First(other => other.Silo != queue.Silo).Silo;
        await ForAWhileAsync(
            fault,
            group,
            ("move", new { topic = queue.Topic, broker = queue.Broker, queueId = queue.QueueId, silo }),
            ("release", new { topic = queue.Topic, broker = queue.Broker, queueId = queue.QueueId }));
    }

    private async Task DrainAsync(Fault fault, string group)
    {
        var running = silos.Running;
        var drained = running[fault.Amount % running.Count];
        if (await LookAsync(fault, group) is not { } shown || Operator.AddressOf(shown, drained) is not { } silo)
        {
            events.Add($"{drained.Name} is not known yet");
            return;
        }

        await TryAsync(fault, group, "drain", new { silo });
        await Task.Delay(fault.Lasts);

        // One that has ended is drained no more.
        await InsistAsync(group, "restore", new { silo }, () => drained.Program.HasEnded);
    }

    private async Task ForAWhileAsync(Fault fault, string group, (string Action, object Request) begin, (string Action, object Request) end)
    {
        await TryAsync(fault, group, begin.Action, begin.Request);
        await Task.Delay(fault.Lasts);
        await InsistAsync(group, end.Action, end.Request, () => false);
    }

    private async Task TryAsync(Fault fault, string group, string action, object request)
    {
        var running = silos.Running;
        var silo = running[fault.Other % running.Count];
        events.Add($"{group} at {silo.Name}: {await ActAsync(silo, group, action, request) ?? "it cannot be told whether that was done"}");
    }

    /// <exception cref="TimeoutException">It could not be done.</exception>
    private async Task InsistAsync(string group, string action, object request, Func<bool> isVain)
    {
        var begun = events.Now;
        for (var attempt = 0; !isVain(); attempt++)
        {
            var running = silos.Running;
            var silo = running[attempt % running.Count];
            if (await ActAsync(silo, group, action, request) is { } said)
            {
                events.Add($"{group} at {silo.Name}: {said}");
                return;
            }

            if (events.Now - begun > Patience)
            {
                throw new TimeoutException($"Nobody could {action} {group} in {Patience.TotalSeconds:0} s; see events.log.");
            }

            await Task.Delay(Pause);
        }
    }

    private async Task<string?> ActAsync(StartedSilo silo, string group, string action, object request)
    {
        using var who = new Operator(silo, AnswersWithin);
        return await SaidAsync(() => who.ActAsync(group, action, request));
    }

    private async Task<JsonElement?> LookAsync(Fault fault, string group)
    {
        var running = silos.Running;
        using var who = new Operator(running[fault.Other % running.Count], AnswersWithin);
        JsonElement? shown = null;
        await SaidAsync(async () =>
        {
            shown = await who.GroupAsync(group);
            return string.Empty;
        });
        return shown;
    }

    private async Task<string?> SaidAsync(Func<Task<string>> act)
    {
        try
        {
            return await act();
        }
        catch (Exception exception) when (exception is HttpRequestException or InvalidOperationException or OperationCanceledException or JsonException or KeyNotFoundException)
        {
            events.Add($"refused: {exception.Message.ReplaceLineEndings(" ")}");
            return null;
        }
    }
}
