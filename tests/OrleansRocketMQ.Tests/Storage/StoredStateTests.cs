using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Orleans;
using Orleans.Runtime;
using Orleans.Serialization;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Checkpoints;
using OrleansRocketMQ.DeadLetters;
using OrleansRocketMQ.Dispatch.Orderly;
using OrleansRocketMQ.Engine.Contracts;
using OrleansRocketMQ.Management;
using OrleansRocketMQ.Offsets;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Tests.Storage;

/// <summary>All that is kept in grain storage comes back as it was, from our files and from the JSON that Orleans' own storages write.</summary>
public sealed class StoredStateTests
{
    private static readonly MessageQueue Queue = new("orders", "broker-a", 3);

    public static TheoryData<string> States => [.. All.Keys];

    private static Dictionary<string, object> All { get; } = new object[]
    {
        GroupSettingsState.Of(new(
            FlowSettings.None.Pause(ConsumerScope.Everything).Pause(ConsumerScope.OfTopic("orders")).Pause(ConsumerScope.OfQueue(Queue)).LimitRate("orders", 12.5)
                .Moved(ConsumerScope.OfTopic("orders"), effectsAgain: true, number: 7),
            PlacementSettings.None.Pin(Queue, "127.0.0.1:11111@7").Drain("10.0.0.1:11111@8"))),
        StoredCheckpoint.Of(Queue, committed: 2, new AckSnapshot(Watermark: 3, SeenTo: 9, Unfinished: [3, 6]), new SeenMessage(8, "7F000001ABCD")),
        new StoredOffset { Topic = "orders", Broker = "broker-a", QueueId = 3, Offset = 42 },
        new FailureRecord { Messages = [new(7, "7F000001ABCD", 2)] },
        new DeadLetterState { Handled = { ["broker-a/0"] = [3, 5] }, Ranges = { ["broker-a/1"] = [3, 6, 8, 9] } },
    }.ToDictionary(state => state.GetType().Name);

    [Theory]
    [MemberData(nameof(States))]
    public async Task Comes_back_from_files(string name)
    {
        using var folder = new TestFolder();
        await ((Task)GetType().GetMethod(nameof(ThroughFilesAsync), System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static)!
            .MakeGenericMethod(All[name].GetType()).Invoke(null, [All[name], folder.Path])!);
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Comes_back_from_the_json_of_orleans(string name)
    {
        using var services = new ServiceCollection().AddSerializer().AddSingleton<OrleansJsonSerializer>().BuildServiceProvider();
        var json = ActivatorUtilities.CreateInstance<OrleansJsonSerializer>(services);
        var state = All[name];

        Same(state, json.Deserialize(state.GetType(), json.Serialize(state, state.GetType())) ?? "nothing");
    }

    [Fact]
    public void Settings_of_a_group_are_what_they_were()
    {
        var state = (GroupSettingsState)All[nameof(GroupSettingsState)];

        var settings = state.ToSettings();

        Assert.Equal([ConsumerScope.Everything, ConsumerScope.OfTopic("orders"), ConsumerScope.OfQueue(Queue)], settings.Flow.Paused);
        Assert.Equal(Queue, Assert.Single(settings.Placement.Pins).Queue);
        Same(state, GroupSettingsState.Of(settings));
    }

    private static async Task ThroughFilesAsync<T>(T state, string folder)
    {
        var grain = GrainId.Create("stored", "one");
        await new FileGrainStorage(folder, NullLogger<FileGrainStorage>.Instance).WriteStateAsync("state", grain, new GrainState<T>(state));
        var read = new GrainState<T>();
        await new FileGrainStorage(folder, NullLogger<FileGrainStorage>.Instance).ReadStateAsync("state", grain, read);

        Same(state!, read.State!);
    }

    private static void Same(object expected, object actual) => Assert.Equal(JsonSerializer.Serialize(expected, expected.GetType()), JsonSerializer.Serialize(actual, actual.GetType()));
}
