using System.Globalization;
using OrleansRocketMQ.Embedded;

namespace OrleansRocketMQ.Conformance;

/// <summary>The cluster used when no other is named.</summary>
internal sealed class EmbeddedDefault(EmbeddedRocketMQ embedded) : IAsyncDisposable
{
    private const string BrokersVariable = "ROCKETMQ_TEST_BROKERS";

    public string NameServer => embedded.NameServerAddress;

    /// <summary>How many brokers the environment asks for; one when it says nothing.</summary>
    public static int WantedBrokers()
    {
        var wanted = Environment.GetEnvironmentVariable(BrokersVariable);
        if (string.IsNullOrWhiteSpace(wanted))
        {
            return 1;
        }

        // A number that is none must not look like a run with one broker.
        return int.TryParse(wanted, NumberStyles.None, CultureInfo.InvariantCulture, out var brokers) && brokers is >= 1 and <= 8
            ? brokers
            : throw new InvalidOperationException($"{BrokersVariable} is '{wanted}', expected 1 to 8");
    }

    /// <summary>Brokers named broker-a, broker-b and so on, under one name server.</summary>
    public static async Task<EmbeddedDefault> StartAsync(int brokers)
    {
        var embedded = await EmbeddedRocketMQ.StartAsync(new() { EnableLmq = true });
        for (var index = 1; index < brokers; index++)
        {
            await embedded.AddBrokerAsync($"broker-{(char)('a' + index)}");
        }

        return new(embedded);
    }

    public ValueTask DisposeAsync() => embedded.DisposeAsync();
}
