using System.Diagnostics;
using OrleansRocketMQ.Chaos.Upgrade;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.Tests;

/// <summary>
/// The checks of an upgrade find what they are for. The upgrade itself builds a release, so it is a command:
/// <c>dotnet run -c Release --project tests/OrleansRocketMQ.Chaos -- upgrade</c>.
/// </summary>
public sealed class UpgradeCheckTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_is_done_behind_a_message_that_nobody_has_ended_is_counted()
    {
        var own = Write("own", "chaos-any key-1 0 1", "chaos-any key-1 2 3", "chaos-any key-1 3 4", "chaos-any key-2 1 5");
        var others = Write("others", "chaos-any key-2 0 2", "chaos-key key-1 9 9");

        Assert.Equal(2, HeldBack.Behind([own, others], own));
        Assert.Equal(0, HeldBack.Behind([own, others], others));
    }

    [Fact]
    public async Task A_silo_that_misses_what_was_broadcast_is_told_of_whichever_of_its_processes_got_it()
    {
        var sent = new Dictionary<(string Topic, string Key), int> { [(RoundTopics.Any, "key-1")] = 3, [(RoundTopics.ByKey, "key-1")] = 9 };
        await using var first = Silo(Write("first", "chaos-all key-1 0 1", "chaos-all key-1 1 2"));
        await using var second = Silo(Write("second", "chaos-all key-1 2 3"));
        await using var again = Silo(Write("again", "chaos-all key-1 1 3", "chaos-all key-1 2 3"));

        Assert.Empty(BroadcastCheck.Complaints([first.Silo, second.Silo], sent));
        Assert.Contains("has not got 1 messages", Assert.Single(BroadcastCheck.Complaints([first.Silo], sent)), StringComparison.Ordinal);
        Assert.Contains("1 broadcast messages again, of 0", Assert.Single(BroadcastCheck.Complaints([first.Silo, again.Silo], sent)), StringComparison.Ordinal);
        first.Silo.WasKilled = true;
        Assert.Empty(BroadcastCheck.Complaints([first.Silo, again.Silo], sent));
    }

    [Fact]
    public async Task A_tag_that_is_not_there_is_no_release()
        => Assert.Null(await ReleaseBuild.CommitOfAsync($"no-release-{Stopwatch.GetTimestamp()}"));

    private string Write(string name, params string[] lines)
    {
        var file = _folder.In(name);
        File.WriteAllLines(file, lines);
        return file;
    }

    private static SiloOfFile Silo(string records) => new(records);

    /// <summary>A process that stands for a silo: only what it has written counts.</summary>
    private sealed class SiloOfFile(string records) : IAsyncDisposable
    {
        public StartedSilo Silo { get; } = new(
            RunningProgram.StartCommand(["true"]), SiloBuild.Present, "silo-1", Port: 1, new("http://127.0.0.1:1/"), records);

        public ValueTask DisposeAsync() => Silo.Program.DisposeAsync();
    }
}
