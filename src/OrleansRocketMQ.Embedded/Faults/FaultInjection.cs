using System.Collections.Concurrent;

namespace OrleansRocketMQ.Embedded;

/// <summary>What goes wrong on purpose, and how many requests have been seen. Thread-safe.</summary>
public sealed class FaultInjection
{
    private readonly ConcurrentDictionary<(string Server, int Code), long> _seen = new();
    private readonly Lock _gate = new();
    private volatile Active[] _active = [];

    /// <summary>Puts a fault in force. The first one in force that is meant for a request happens to it.</summary>
    /// <returns>Removes the fault when disposed.</returns>
    public IDisposable Inject(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (fault.Times is < 1)
        {
            throw new RocketMQValidationException(nameof(Fault.Times), fault.Times, "null or at least 1");
        }

        var active = new Active(this, fault);
        lock (_gate)
        {
            _active = [.. _active, active];
        }

        return active;
    }

    /// <summary>Removes every fault.</summary>
    public void Clear()
    {
        lock (_gate)
        {
            _active = [];
        }
    }

    /// <summary>How many requests with this code have come in, one-way ones included, on all servers or on one.</summary>
    /// <param name="requestCode">A code of <see cref="Protocol.RequestCodes"/>.</param>
    /// <param name="server">
    /// A broker's name, that name and <c> (slave 1)</c> for its first slave, either and <c> (vip)</c> for a second port, or
    /// <c>name server</c>; null means all together.
    /// </param>
    public long RequestsSeen(int requestCode, string? server = null)
        => _seen.Where(pair => pair.Key.Code == requestCode && (server is null || pair.Key.Server == server)).Sum(pair => pair.Value);

    /// <summary>How many requests have come in by code, on all servers together.</summary>
    public IReadOnlyDictionary<int, long> RequestsSeen()
        => _seen.GroupBy(pair => pair.Key.Code).ToDictionary(group => group.Key, group => group.Sum(pair => pair.Value));

    internal void Count(string server, int code) => _seen.AddOrUpdate((server, code), 1, static (_, count) => count + 1);

    internal Fault? Take(FaultServers servers, FaultTarget target)
    {
        foreach (var active in _active)
        {
            if (active.Fault.Kind != FaultKind.RefuseConnections && active.TryTake(servers, target))
            {
                return active.Fault;
            }
        }

        return null;
    }

    internal bool HasAny => _active.Length > 0;

    internal bool RefusesConnection(FaultServers servers, string server)
    {
        foreach (var active in _active)
        {
            if (active.Fault.Kind == FaultKind.RefuseConnections && active.TryTake(servers, server))
            {
                return true;
            }
        }

        return false;
    }

    private void Remove(Active active)
    {
        lock (_gate)
        {
            _active = [.. _active.Where(other => other != active)];
        }
    }

    private sealed class Active(FaultInjection owner, Fault fault) : IDisposable
    {
        private int _toSkip = fault.Skip;
        private int _left = fault.Times ?? int.MaxValue;

        public Fault Fault { get; } = fault;

        public bool TryTake(FaultServers servers, FaultTarget target)
            => (Fault.RequestCode is null || Fault.RequestCode == target.Request.Code)
                && IsFor(servers, target.Server)
                && Fault.When?.Invoke(target) != false
                && Spend();

        public bool TryTake(FaultServers servers, string server) => IsFor(servers, server) && Spend();

        public void Dispose() => owner.Remove(this);

        private bool IsFor(FaultServers servers, string server)
            => (Fault.Servers & servers) != 0 && (Fault.BrokerName is null || Fault.BrokerName == server);

        private bool Spend()
        {
            if (_toSkip > 0 && Interlocked.Decrement(ref _toSkip) >= 0)
            {
                return false;
            }

            if (Fault.Times is null)
            {
                return true;
            }

            var left = Interlocked.Decrement(ref _left);
            if (left <= 0)
            {
                owner.Remove(this);
            }

            return left >= 0;
        }
    }
}
