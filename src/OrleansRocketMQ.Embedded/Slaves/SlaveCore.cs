using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Admin;
using OrleansRocketMQ.Embedded.Consumers;
using OrleansRocketMQ.Embedded.Core;
using OrleansRocketMQ.Embedded.Locks;
using OrleansRocketMQ.Embedded.Offsets;
using OrleansRocketMQ.Embedded.Pulls;
using OrleansRocketMQ.Embedded.Serving;

namespace OrleansRocketMQ.Embedded.Slaves;

/// <summary>
/// Puts a slave's parts together. Topics and groups are the master's; offsets are its own, and overwritten by the
/// master's from time to time; who is a member, and who holds which lock, it knows by itself. Mirrors
/// <c>BrokerController</c> with <c>brokerRole=SLAVE</c>, and <c>SlaveSynchronize</c>.
/// </summary>
internal sealed class SlaveCore
{
    private static readonly TimeSpan SilenceCheckPeriod = TimeSpan.FromSeconds(10);

    private readonly EmbeddedRocketMQOptions _options;
    private readonly BrokerCore _master;
    private readonly Func<bool> _isMasterUp;
    private readonly PullHold _hold;
    private readonly ProducerTable _producers;
    private readonly ClientProcessor _clients;
    private readonly QueueLockTable _locks;
    private readonly Rounds _rounds;

    public SlaveCore(
        string brokerName,
        long brokerId,
        BrokerCore master,
        Func<bool> isMasterUp,
        Func<bool> isActing,
        EmbeddedRocketMQOptions options,
        RequestTable table,
        ILogger logger)
    {
        _options = options;
        _master = master;
        _isMasterUp = isMasterUp;
        var time = options.TimeProvider;
        Store = new(master.Store);
        Consumers = new(time);
        _producers = new(time);
        _locks = new(options.LockExpiry, time);
        _clients = new(Consumers, _producers, master.Groups, master.Topics, options, logger);
        _rounds = new(time, logger);
        _hold = new(master.Store, time);

        _clients.AddTo(table);
        new TopicViewProcessor(master.Topics, master.Mappings, Store, brokerName).AddTo(table);
        new OffsetProcessor(Offsets, Store, master.Topics, master.Groups).AddTo(table);
        new LockProcessor(_locks).AddTo(table);
        new PullProcessor(brokerId, isActing, Store, _hold, Consumers, master.Topics, master.Groups, Offsets, options).AddTo(table);
        new ViewProcessor(Store).AddTo(table);
        new RelayProcessor(Consumers, Store, brokerName).AddTo(table);
        SlaveRefusals.AddTo(table, options.ToldAddress.ToString());
    }

    public ReplicatedStore Store { get; }

    public OffsetTable Offsets { get; } = new();

    public ConsumerTable Consumers { get; }

    public void Start()
    {
        CopyOffsets();
        _rounds.Every(SilenceCheckPeriod, _clients.CloseSilent);
        _rounds.Every(PullHold.SweepPeriod, _hold.Sweep);
        _rounds.Every(_options.SlaveSyncInterval, CopyOffsets);
    }

    public void Stop()
    {
        _rounds.Stop();
        ForgetClients();
    }

    /// <summary>What it knows of its clients goes with them.</summary>
    public void ForgetClients()
    {
        _hold.DropAll();
        Consumers.Clear();
        _producers.Clear();
        _locks.Clear();
    }

    /// <summary>A connection has ended.</summary>
    public void Forget(ClientPeer peer)
    {
        _hold.Forget(peer);
        _clients.Forget(peer);
    }

    // The master's word counts, be it older: as in RocketMQ, what the slave was told while the master was away is lost
    // unless the consumers tell the master again.
    private void CopyOffsets()
    {
        if (!_isMasterUp())
        {
            return;
        }

        foreach (var (queue, offset) in _master.Offsets.All)
        {
            Offsets.Commit(queue, offset);
        }
    }
}
