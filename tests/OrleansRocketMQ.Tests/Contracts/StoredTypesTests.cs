using Microsoft.Extensions.DependencyInjection;
using Orleans.Serialization;
using Orleans.TestingHost;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.Tests.Contracts;

/// <summary>
/// Orleans' storages in Redis and databases write JSON with the names of the types in it. What v0.2.0 has stored is read, and what is
/// stored now can be read by a silo of v0.2.0: the names stay, whatever else becomes of the classes.
/// </summary>
public sealed class StoredTypesTests : IAsyncLifetime
{
    private readonly InProcessTestCluster _silos = new InProcessTestClusterBuilder(1).Build();

    private OrleansJsonSerializer Json => _silos.GetSiloServiceProvider(_silos.Silos[0].SiloAddress).GetRequiredService<OrleansJsonSerializer>();

    public Task InitializeAsync() => _silos.DeployAsync();

    public async Task DisposeAsync() => await _silos.DisposeAsync();

    [Fact]
    public void Failure_counts_of_v0_2_0_are_read_and_written_under_the_same_names()
    {
        const string Stored = """
            {"$id":"1","$type":"OrleansRocketMQ.Dispatch.Orderly.FailureRecord, OrleansRocketMQ","Messages":{"$type":"System.Collections.Generic.List`1[[OrleansRocketMQ.Dispatch.Orderly.MessageFailures, OrleansRocketMQ]], System.Private.CoreLib","$values":[{"$id":"2","$type":"OrleansRocketMQ.Dispatch.Orderly.MessageFailures, OrleansRocketMQ","Offset":7,"MessageId":"A1","Count":2}]}}
            """;

        var read = (FailureRecord)Json.Deserialize(typeof(FailureRecord), Stored)!;

        Assert.Equal(new MessageFailures(7, "A1", 2), Assert.Single(read.Messages));
        var written = Json.Serialize(read, typeof(FailureRecord));
        Assert.Contains("[[OrleansRocketMQ.Dispatch.Orderly.MessageFailures, OrleansRocketMQ]]", written, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("OrleansRocketMQ.Checkpoints.StoredCheckpoint")]
    [InlineData("OrleansRocketMQ.DeadLetters.DeadLetterState")]
    [InlineData("OrleansRocketMQ.Dispatch.Orderly.FailureRecord")]
    [InlineData("OrleansRocketMQ.Dispatch.Orderly.MessageFailures")]
    [InlineData("OrleansRocketMQ.Management.GroupSettingsState")]
    [InlineData("OrleansRocketMQ.Management.StoredPin")]
    [InlineData("OrleansRocketMQ.Management.StoredQueue")]
    [InlineData("OrleansRocketMQ.Management.StoredScope")]
    [InlineData("OrleansRocketMQ.Offsets.StoredOffset")]
    [InlineData("OrleansRocketMQ.Parking.ParkedMessageState")]
    public void A_type_that_v0_2_0_stores_keeps_its_name(string name)
        => Assert.NotNull(typeof(RocketMQSilo).Assembly.GetType(name));
}
