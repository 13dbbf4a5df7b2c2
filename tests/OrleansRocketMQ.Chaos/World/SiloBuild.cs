using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.World;

/// <summary>A silo-host with the listeners it loads.</summary>
/// <param name="Name">What it was built from.</param>
/// <param name="Program">The program.</param>
/// <param name="Listeners">The folder of the listeners.</param>
internal sealed record SiloBuild(string Name, string Program, string Listeners)
{
    /// <summary>Those built with these tests.</summary>
    public static SiloBuild Present { get; } = new("present", RunningProgram.PathOf("silo-host-redis"), RunningProgram.PathOf("listeners"))
    {
        Groups = [.. RoundTopics.All, RoundTopics.Everywhere, RoundTopics.Effects],
    };

    /// <summary>The groups that its listeners are there for.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [.. RoundTopics.All, RoundTopics.Everywhere];

    /// <summary>The present one with a clock that can be set.</summary>
    public static SiloBuild WithClock { get; } = Present with { Program = RunningProgram.PathOf("chaos-silo") };

    /// <summary>Arguments that only it understands.</summary>
    public IReadOnlyList<string> Settings { get; init; } = [];

    public override string ToString() => Name;
}
