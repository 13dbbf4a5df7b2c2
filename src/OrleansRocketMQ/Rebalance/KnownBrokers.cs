using OrleansRocketMQ.Clients;

namespace OrleansRocketMQ.Rebalance;

/// <summary>
/// Where brokers were when somebody asked last. A start reads the routes of a thousand topics, which all tell of the same few brokers.
/// Thread-safe.
/// </summary>
internal sealed class KnownBrokers
{
    private readonly Lock _gate = new();
    private HashSet<BrokerAddress> _known = [];

    /// <summary>Whether any has come, gone or moved since it was asked last.</summary>
    public bool HaveChanged(RouteTable routes)
    {
        lock (_gate)
        {
            var present = routes.Brokers;
            if (_known.SetEquals(present))
            {
                return false;
            }

            _known = [.. present];
            return true;
        }
    }
}
