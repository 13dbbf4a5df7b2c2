using System.Diagnostics;
using System.Text;
using OrleansRocketMQ.Telemetry;

namespace OrleansRocketMQ.Tests.Telemetry;

public sealed class PropagatedFieldsTests
{
    public static TheoryData<string> Propagators => ["default", "W3C", "before W3C", "pass through", "no output"];

    [Theory]
    [MemberData(nameof(Propagators))]
    public void What_a_propagator_of_dotnet_looks_for_is_found(string name)
    {
        var propagator = Named(name);
        var asked = new List<string>();
        propagator.ExtractTraceIdAndState(null, Note, out _, out _);
        propagator.ExtractBaggage(null, Note);

        Assert.NotEmpty(asked);
        Assert.All(asked, field => Assert.True(MayBeIn(propagator, $"WAIT\u0001true\u0002{field}\u0001x\u0002")));
        Assert.False(MayBeIn(propagator, "WAIT\u0001true\u0002TRACEPARENT\u0001x\u0002trace\u0001y\u0002"));
        Assert.False(MayBeIn(propagator, string.Empty));

        void Note(object? carrier, string field, out string? value, out IEnumerable<string>? values)
        {
            asked.Add(field);
            (value, values) = (null, null);
        }
    }

    [Fact]
    public void Another_propagator_may_look_for_what_it_does_not_name()
        => Assert.True(MayBeIn(new SecretivePropagator(), "WAIT\u0001true\u0002"));

    private static bool MayBeIn(DistributedContextPropagator propagator, string properties)
        => new PropagatedFields(propagator).MayBeIn(Encoding.UTF8.GetBytes(properties));

    private static DistributedContextPropagator Named(string name) => name switch
    {
        "W3C" => DistributedContextPropagator.CreateW3CPropagator(),
        "before W3C" => DistributedContextPropagator.CreatePreW3CPropagator(),
        "pass through" => DistributedContextPropagator.CreatePassThroughPropagator(),
        "no output" => DistributedContextPropagator.CreateNoOutputPropagator(),
        _ => DistributedContextPropagator.CreateDefaultPropagator(),
    };

    private sealed class SecretivePropagator : DistributedContextPropagator
    {
        public override IReadOnlyCollection<string> Fields => [];

        public override void Inject(Activity? activity, object? carrier, PropagatorSetterCallback? setter)
        {
        }

        public override void ExtractTraceIdAndState(
            object? carrier, PropagatorGetterCallback? getter, out string? traceId, out string? traceState)
            => (traceId, traceState) = (null, null);

        public override IEnumerable<KeyValuePair<string, string?>>? ExtractBaggage(object? carrier, PropagatorGetterCallback? getter) => null;
    }
}
