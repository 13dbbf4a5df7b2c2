using System.Collections.Concurrent;
using OrleansRocketMQ.Embedded.State;
using OrleansRocketMQ.Protocol;

namespace OrleansRocketMQ.Embedded.Assignments;

/// <summary>How groups get the messages of topics. Mirrors <c>MessageRequestModeManager</c>. Thread-safe.</summary>
internal sealed class RequestModeTable
{
    private readonly ConcurrentDictionary<(string Topic, string Group), SetMessageRequestModeRequest> _modes = new();

    /// <summary>Raised when a mode was set.</summary>
    public event Action? Changed;

    public void Load(BrokerState state)
    {
        foreach (var saved in state.RequestModes)
        {
            _modes[(saved.Topic, saved.Group)] = new()
            {
                Topic = saved.Topic,
                ConsumerGroup = saved.Group,
                Mode = saved.Pops ? MessageRequestMode.Pop : MessageRequestMode.Pull,
                PopShareQueueNum = saved.PopShareQueueNum,
            };
        }
    }

    public IReadOnlyList<SavedRequestMode> Save() =>
    [
        .. _modes.Values.Select(mode => new SavedRequestMode(
            mode.ConsumerGroup, mode.Topic, mode.Mode == MessageRequestMode.Pop, mode.PopShareQueueNum)),
    ];

    /// <summary>What was set, or that the group pulls.</summary>
    public SetMessageRequestModeRequest Of(string topic, string group)
        => _modes.GetValueOrDefault((topic, group)) ?? new() { Topic = topic, ConsumerGroup = group };

    public void Set(SetMessageRequestModeRequest mode)
    {
        _modes[(mode.Topic, mode.ConsumerGroup)] = mode;
        Changed?.Invoke();
    }

    public MessageRequestModes All() => new()
    {
        MessageRequestModeMap = _modes.Values
            .GroupBy(mode => mode.Topic, StringComparer.Ordinal)
            .ToDictionary(
                topic => topic.Key,
                topic => (IReadOnlyDictionary<string, SetMessageRequestModeRequest>)topic.ToDictionary(mode => mode.ConsumerGroup),
                StringComparer.Ordinal),
    };
}
