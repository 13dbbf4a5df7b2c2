using System.Text.Json;

namespace OrleansRocketMQ.Embedded.State;

/// <summary>A broker's state in a file that is replaced as a whole, so that a crash leaves the old one or the new one.</summary>
internal sealed class StateFile(string path)
{
    private readonly Lock _gate = new();

    /// <exception cref="RocketMQConfigurationException">There is a file but it cannot be read.</exception>
    public BrokerState? Load()
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(File.ReadAllBytes(path), BrokerStateJson.Default.BrokerState);
        }
        catch (JsonException exception)
        {
            throw new RocketMQConfigurationException(
                nameof(EmbeddedRocketMQOptions.DataFolder), path, $"a state file of an embedded broker: {exception.Message}");
        }
    }

    public void Save(Func<BrokerState> state)
    {
        // The state is gathered inside, so that a later save never carries an older state.
        lock (_gate)
        {
            var temporary = path + ".new";
            File.WriteAllBytes(temporary, JsonSerializer.SerializeToUtf8Bytes(state(), BrokerStateJson.Default.BrokerState));
            File.Move(temporary, path, overwrite: true);
        }
    }
}
