using System.Text.Json;
using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Embedded.Store;

namespace OrleansRocketMQ.Embedded.State;

/// <summary>
/// A broker's state in a file that is replaced as a whole, so that a crash leaves the old one or the new one. The one
/// before is kept beside it for the day on which the new one turns out not to be readable.
/// </summary>
internal sealed partial class StateFile(string path, StoreDisk disk, ILogger logger)
{
    private readonly Lock _gate = new();

    private string Backup => path + ".bak";

    /// <returns>Null when there is none.</returns>
    /// <exception cref="RocketMQConfigurationException">There is a file but neither it nor the one before it can be read.</exception>
    public BrokerState? Load()
    {
        if (!File.Exists(path) && !File.Exists(Backup))
        {
            return null;
        }

        if (TryLoad(path, out var state, out var complaint))
        {
            return state;
        }

        if (!TryLoad(Backup, out state, out _))
        {
            throw new RocketMQConfigurationException(
                nameof(EmbeddedRocketMQOptions.DataFolder), path, $"a state file of an embedded broker: {complaint}");
        }

        Log.Backup(logger, path, Backup, complaint);
        SetAside();
        return state! with { LogEnd = state.LogEnd ?? 0 };
    }

    public void Save(Func<BrokerState> state)
    {
        // The state is gathered inside, so that a later save never carries an older state.
        lock (_gate)
        {
            var temporary = path + ".new";
            disk.WriteFile(temporary, JsonSerializer.SerializeToUtf8Bytes(state(), BrokerStateJson.Default.BrokerState));
            if (File.Exists(path))
            {
                File.Replace(temporary, path, Backup);
            }
            else
            {
                File.Move(temporary, path);
            }
        }
    }

    private static bool TryLoad(string file, out BrokerState? state, out string complaint)
    {
        state = null;
        complaint = $"{file} does not exist";
        try
        {
            state = File.Exists(file) ? JsonSerializer.Deserialize(File.ReadAllBytes(file), BrokerStateJson.Default.BrokerState) : null;
        }
        catch (JsonException exception)
        {
            complaint = exception.Message;
        }

        return state is not null;
    }

    // The next save must not make the unreadable one the backup.
    private void SetAside()
    {
        if (File.Exists(path))
        {
            File.Move(path, path + ".damaged", overwrite: true);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(160, LogLevel.Error, "{Path} cannot be read, the broker goes on from {Backup}: {Reason}")]
        public static partial void Backup(ILogger logger, string path, string backup, string reason);
    }
}
