using OrleansRocketMQ.Chaos.Plan;

namespace OrleansRocketMQ.Chaos.World.Brokers;

/// <summary>Embedded ones, in a process of their own.</summary>
/// <param name="folder">Where they store.</param>
internal sealed class EmbeddedBrokers(string folder) : IRoundBrokers
{
    private readonly SemaphoreSlim _isStruck = new(1);
    private readonly BrokerProcess _process = new(folder);

    public string NameServer => _process.NameServer;

    public int NameServerPort => _process.NameServerPort;

    public IReadOnlyList<int> Ports => _process.Ports;

    public string? Namespace => null;

    public IReadOnlyDictionary<string, int> Queues { get; } = RoundTopics.QueuesOn(masters: 2);

    public async Task StartAsync(Links links)
    {
        await _process.StartAsync();
        links.Open([.. _process.Ports]);
    }

    public bool Can(FaultKind kind) => true;

    // One after the other: a process that is killed cannot be told anything.
    public async Task StrikeAsync(Fault fault, Action onKilled)
    {
        await _isStruck.WaitAsync();
        try
        {
            switch (fault.Kind)
            {
                case FaultKind.KillBrokers:
                    await _process.KillAsync();
                    onKilled();
                    await Task.Delay(fault.Lasts);
                    await _process.StartAsync();
                    break;
                case FaultKind.SuspendBrokers:
                    await _process.SuspendAsync();
                    await Task.Delay(fault.Lasts);
                    await _process.ResumeAsync();
                    break;
                default:
                    await _process.TellAsync("stop");
                    await Task.Delay(fault.Lasts);
                    await _process.TellAsync("start");
                    break;
            }
        }
        finally
        {
            _isStruck.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _process.DisposeAsync();
        _isStruck.Dispose();
    }
}
