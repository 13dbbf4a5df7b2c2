using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Engine.Simulation.Kernel;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Engine.Simulation.Pops;

/// <summary>
/// Two brokers that hand a topic's messages out one by one, or let its queues be pulled; under the same faults as the world of pulls.
/// </summary>
internal sealed partial class PopWorld
{
    private const string Again = "what was popped comes again";

    // So often a broker looks at least for what is to come again.
    private static readonly TimeSpan LongestLook = TimeSpan.FromMilliseconds(400);

    private readonly SeededRandom _random;
    private readonly Dictionary<string, bool> _pops = new(StringComparer.Ordinal);
    private readonly Dictionary<MessageQueue, PopLog> _byId;
    private readonly long[] _troubleAt;
    private bool _isOver;

    public PopWorld(SimulatedWorld weather)
    {
        Weather = weather;
        _random = SeededRandom.Of(weather.Setup.Seed, "pop world");
        var sources = weather.Queues.Select(queue => queue.Id).ToArray();
        var brokers = sources.Select(queue => queue.BrokerName).Distinct().ToArray();
        string[] retries =
        [
            SystemTopics.PopRetryV1(SimulatedWorld.Topic, SimulatedWorld.Group),
            SystemTopics.PopRetryV2(SimulatedWorld.Topic, SimulatedWorld.Group),
        ];
        var ids = sources.Concat(retries.SelectMany(topic => brokers.Select(broker => new MessageQueue(topic, broker, 0))));
        Logs = [.. ids.Select((id, index) => new PopLog(index, id))];
        _byId = Logs.ToDictionary(log => log.Id);
        _troubleAt = [.. Logs.Select(_ => long.MinValue / 2)];
        foreach (var broker in brokers)
        {
            _pops[broker] = true;
        }

        Ledger = new PopLedger(this);
    }

    /// <summary>The clock, the cluster, the way to the brokers, and the faults of the run.</summary>
    public SimulatedWorld Weather { get; }

    public Setup Setup => Weather.Setup;

    public SimulatedTime Time => Weather.Time;

    public SimulatedScheduler Scheduler => Weather.Scheduler;

    public PopLedger Ledger { get; }

    /// <summary>All queues: those of the topic, that of what failed after a pull, and those of what comes again after a pop.</summary>
    public IReadOnlyList<PopLog> Logs { get; }

    /// <summary>The queues of the topic.</summary>
    public IEnumerable<PopLog> Sources => Logs.Take(Setup.Queues);

    public IEnumerable<string> Brokers => _pops.Keys;

    public PopLog Find(MessageQueue queue) => _byId[queue];

    /// <summary>Where a message lies that was handed to a member.</summary>
    public LoggedMessage Find(MessageExt message)
    {
        var (index, offset) = Records.PlaceOf(message);
        return Logs[index].Messages[(int)offset];
    }

    /// <summary>Whether an operator has paused a queue, or what a share is of.</summary>
    public bool IsPaused(MessageQueue queue)
        => Find(QueueShare.QueueOf(queue)) is var log && !ComeAgainIn(log) && Weather.IsPaused[log.Index];

    /// <summary>Whether a broker has the messages of its queues popped.</summary>
    public bool Pops(string broker) => _pops[broker];

    /// <summary>An operator has the messages of a broker got the other way from now on.</summary>
    public void Switch(string broker) => _pops[broker] = !_pops[broker];

    /// <summary>Whether it is a queue in which popped messages come again.</summary>
    public bool ComeAgainIn(PopLog log) => log.Index >= Weather.Queues.Count;

    /// <summary>The queue that faults strike by which this one is struck, too.</summary>
    public SimulatedQueue StruckWith(PopLog log)
        => ComeAgainIn(log) ? Weather.Queues.First(queue => queue.Id.BrokerName == log.Id.BrokerName) : Weather.Queues[log.Index];

    /// <summary>When something last kept members from what a queue's broker has for them, or it from hearing of them.</summary>
    public long TroubleOf(PopLog log) => Math.Max(
        _troubleAt[StruckWith(log).Index],
        Math.Max(Weather.Trouble.BrokerAwayOf(log.Id.BrokerName), Weather.Trouble.StoreAway));

    /// <summary>A message is sent.</summary>
    public void Send(PopLog log, PopEntry entry)
    {
        Ledger.Sent(entry);
        log.Add(entry, 0, again: null, Time.Now);
        Scheduler.Note("sent", log.Id.BrokerName, log.Index, entry.Origin);
    }

    /// <summary>Brings again what was popped and is heard of by nobody, until the end.</summary>
    public async Task ReviveAsync()
    {
        while (!_isOver)
        {
            await Time.Delay(_random.Between(TimeSpan.FromMilliseconds(50), LongestLook));
            foreach (var delivery in _hidden.Values.Where(delivery => delivery.HiddenUntil <= Time.Now).ToArray())
            {
                _hidden.Remove(delivery.Handle);
                Revive(delivery, Ledger.ComesAgain(delivery));
            }
        }
    }

    /// <summary>Nothing is brought again any more.</summary>
    public async Task EndAsync()
    {
        _isOver = true;
        await Time.Delay(LongestLook);
    }

    private void Revive(PopDelivery delivery, string cause)
    {
        Scheduler.Note(Again, delivery.Holder.Owner.Name, delivery.Message.Log.Index, delivery.Message.Offset);
        var version2 = PopSetup.HasRetriesOfVersion2(Setup.Seed) != Time.Now > Setup.Active.Ticks / 2;
        var topic = version2
            ? SystemTopics.PopRetryV2(SimulatedWorld.Topic, SimulatedWorld.Group)
            : SystemTopics.PopRetryV1(SimulatedWorld.Topic, SimulatedWorld.Group);
        Find(new MessageQueue(topic, delivery.Message.Log.Id.BrokerName, 0)).Add(
            delivery.Entry, delivery.Message.Attempts + 1, cause, Time.Now);
        WakeAll(delivery.Message.Log.Id.BrokerName);
    }

    // What comes again is brought by a pop of any queue of the broker.
    private void WakeAll(string broker)
    {
        foreach (var log in Logs.Where(log => log.Id.BrokerName == broker))
        {
            log.Wake();
        }
    }

    private bool Strikes(FaultKind kind, PopLog log, int percent = 70)
    {
        var struck = StruckWith(log);
        if (!Weather.Strikes(kind, struck.Index, percent))
        {
            return false;
        }

        _troubleAt[struck.Index] = Time.Now;
        return true;
    }
}
