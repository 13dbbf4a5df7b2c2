using OrleansRocketMQ.Engine.Ports;

namespace OrleansRocketMQ.Engine.Tests.Support;

/// <summary>Listeners that do what a test says. Each has a name: the number of its slot, its key, or its queue.</summary>
internal sealed class FakeListeners : IListeners
{
    /// <summary>What they do with messages; usually they succeed in a millisecond.</summary>
    public Func<string, ListenerCall, CancellationToken, Task<ListenerOutcome>> Consume { get; set; } = (_, call, _) => Succeed(call);

    /// <summary>What listeners in order do.</summary>
    public Func<OrderlyCall, CancellationToken, Task<OrderlyOutcome>> ConsumeInOrder { get; set; } = (call, _) => Succeed(call);

    /// <summary>What they say of a call that has not ended for some time.</summary>
    public Func<string, RenewableCall, Task<CallWord<ListenerOutcome>>> Ask { get; set; } = static (_, _) => Task.FromResult(default(CallWord<ListenerOutcome>));

    /// <summary>The same in order.</summary>
    public Func<RenewableCall, Task<CallWord<OrderlyOutcome>>> AskInOrder { get; set; } = static _ => Task.FromResult(default(CallWord<OrderlyOutcome>));

    /// <summary>Whether they are ready.</summary>
    public Func<string, Task<bool>> IsReady { get; set; } = static _ => Task.FromResult(true);

    /// <summary>What happens when a queue has left.</summary>
    public Func<Task> QueueLeft { get; set; } = static () => Task.CompletedTask;

    /// <summary>Who got which messages, call by call.</summary>
    public List<(string Listener, long[] Offsets)> Calls { get; } = [];

    /// <summary>The same in text, such as <c>a:0,1</c>.</summary>
    public string[] Texts => [.. Calls.Select(call => $"{call.Listener}:{string.Join(',', call.Offsets)}")];

    public List<ListenerCall> ListenerCalls { get; } = [];

    public List<OrderlyCall> OrderlyCalls { get; } = [];

    public List<string> AskedIfReady { get; } = [];

    /// <summary>The listeners that were made, by their names.</summary>
    public List<string> Made { get; } = [];

    public int Left { get; private set; }

    /// <summary>The offsets of all messages that were given, in order.</summary>
    public long[] Given => [.. Calls.SelectMany(call => call.Offsets)];

    public static Task<ListenerOutcome> Succeed(in ListenerCall call)
        => Task.FromResult(new ListenerOutcome(call.Messages.Count, TimeSpan.FromMilliseconds(1), null));

    public static Task<OrderlyOutcome> Succeed(in OrderlyCall call) => Task.FromResult(new OrderlyOutcome(
        call.Messages.Count, call.Messages.Count, null, call.Messages.Count, TimeSpan.FromMilliseconds(1)));

    public IListener OfSlot(int slot) => New($"{slot}");

    public IListener OfKey(string key) => New(key);

    public IQueueListener OfQueue(MessageQueue queue)
    {
        Made.Add(queue.ToString());
        return new OrderlyListener(this);
    }

    /// <summary>Forgets what was given, which would stay in memory otherwise.</summary>
    public void Forget()
    {
        ListenerCalls.Clear();
        OrderlyCalls.Clear();
    }

    private Listener New(string name)
    {
        Made.Add(name);
        return new(this, name);
    }

    private sealed class Listener(FakeListeners all, string name) : IListener
    {
        public Task<bool> IsReadyAsync(CancellationToken cancellationToken)
        {
            all.AskedIfReady.Add(name);
            return all.IsReady(name).WaitAsync(cancellationToken);
        }

        public Task<ListenerOutcome> ConsumeAsync(in ListenerCall call, CancellationToken cancellationToken)
        {
            all.Calls.Add((name, [.. call.Messages.Select(message => message.QueueOffset)]));
            all.ListenerCalls.Add(call);
            return all.Consume(name, call, cancellationToken);
        }

        public Task<CallWord<ListenerOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => all.Ask(name, call);
    }

    private sealed class OrderlyListener(FakeListeners all) : IQueueListener
    {
        public Task<bool> IsReadyAsync(CancellationToken cancellationToken)
        {
            all.AskedIfReady.Add(string.Empty);
            return all.IsReady(string.Empty).WaitAsync(cancellationToken);
        }

        public Task<OrderlyOutcome> ConsumeAsync(in OrderlyCall call, CancellationToken cancellationToken)
        {
            all.Calls.Add((string.Empty, [.. call.Messages.Select(message => message.QueueOffset)]));
            all.OrderlyCalls.Add(call);
            return all.ConsumeInOrder(call, cancellationToken);
        }

        public Task<CallWord<OrderlyOutcome>> AskAsync(RenewableCall call, CancellationToken cancellationToken) => all.AskInOrder(call);

        public Task QueueLeftAsync()
        {
            all.Left++;
            return all.QueueLeft();
        }
    }
}
