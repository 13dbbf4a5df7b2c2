using System.Text;
using System.Text.Json;
using OrleansRocketMQ.Embedded.State;
using OrleansRocketMQ.Fuzz.Kernel;

namespace OrleansRocketMQ.Fuzz.Targets;

/// <summary>The embedded broker's state, as it lies in its file.</summary>
internal sealed class StateFileTarget : FuzzTarget
{
    public override string Name => "state-files";

    public override IReadOnlyList<string> Decoders => [nameof(BrokerState)];

    public override double TakenOf1000 => 1;

    public override IReadOnlyList<byte[]> Words { get; } = [.. new[] { "null", "{}", "[]", "\"", ",", ":", "-1", "1e9", "true" }.Select(Encoding.UTF8.GetBytes)];

    public override IEnumerable<byte[]> Seeds() => [JsonSerializer.SerializeToUtf8Bytes(new BrokerState(), BrokerStateJson.Default.BrokerState), "{}"u8.ToArray()];

    public override bool Accepts(byte[] input)
    {
        try
        {
            var state = JsonSerializer.Deserialize(input, BrokerStateJson.Default.BrokerState);
            return state is not null && JsonSerializer.SerializeToUtf8Bytes(state, BrokerStateJson.Default.BrokerState).Length > 0;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}
