using OrleansRocketMQ.Chaos.World.Brokers;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>
/// Java's push consumer as a member of the group in any order, a process of its own. The program is not in the repository: it gets
/// <c>NAMESERVER TOPIC GROUP FILE</c> and prints <c>ready</c> when it runs. Its listener fails with one of 50 messages at the first
/// attempt, as the silos' do, and for each other one it appends <c>GROUP KEY NUMBER TIME</c> to the file before it says that the
/// message is consumed; a body is <c>{"key":"key-7","number":42}</c>, the time that of the machine's clock that only goes forward, in
/// nanoseconds. Where <c>pop</c> stands behind these, brokers share the queues out, and it pops.
/// </summary>
internal sealed class JavaMember(string program, IRoundBrokers brokers, string folder, bool pops) : IAsyncDisposable
{
    private readonly string _prefix = brokers.Namespace is { } ns ? $"{ns}%" : string.Empty;
    private readonly List<RunningProgram> _all = [];

    /// <summary>What it has printed.</summary>
    public IEnumerable<string> Printed => _all.SelectMany(one => one.Output.Concat(one.Errors));

    public async Task StartAsync()
    {
        if (pops)
        {
            await PopAsync();
        }

        var name = $"{_prefix}{RoundTopics.Any}";
        string[] how = pops ? ["pop"] : [];
        var running = RunningProgram.StartCommand([program, brokers.NameServer, name, name, Path.Join(folder, $"records-java-{_all.Count + 1}"), .. how]);
        _all.Add(running);
        await running.UntilPrintedAsync("ready");
    }

    public Task KillAsync() => _all[^1].KillAsync();

    public async ValueTask DisposeAsync()
    {
        foreach (var one in _all)
        {
            await one.DisposeAsync();
        }
    }

    private async Task PopAsync()
    {
        await using var client = PatientClients.Start(brokers.NameServer, "127.0.0.1@chaos-mode", brokers.Namespace);
        foreach (var broker in (await client.NameServer.GetClusterInfoAsync()).BrokerAddrTable.Values)
        {
            await client.Brokers.SetMessageRequestModeAsync(broker.BrokerAddrs[BrokerData.MasterId], RoundTopics.Any, RoundTopics.Any, MessageRequestMode.Pop);
        }
    }
}
