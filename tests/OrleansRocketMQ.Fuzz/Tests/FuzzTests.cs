using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Fuzz.Targets;

namespace OrleansRocketMQ.Fuzz.Tests;

/// <summary>The short form of fuzzing. The long one: <c>dotnet run -c Release --project tests/OrleansRocketMQ.Fuzz</c>.</summary>
public sealed class FuzzTests
{
    private const int ShortRun = 10_000;

    public static TheoryData<string> Targets => [.. AllTargets.List.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Whatever_comes_in_is_taken_rightly_or_refused_with_a_typed_error(string name)
    {
        var target = AllTargets.List.Single(target => target.Name == name);
        using var hangs = new Hangs();

        var report = new FuzzRun(target, seed: 1, [.. Corpus.Kept(target), .. Corpus.Found(target)], hangs).Run(ShortRun);

        Assert.Empty(report.Failures.Select(failure => $"{failure.What}: {Convert.ToBase64String(failure.Input)}"));
        Assert.True(report.Framed >= 0.9 * report.Inputs, $"Only {report.Framed} of {report.Inputs} inputs have a right outer frame.");
        Assert.True(1000.0 * report.Accepted / report.Inputs >= target.TakenOf1000, $"Only {report.Accepted} of {report.Inputs} inputs were taken.");
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void Well_formed_inputs_are_taken(string name)
    {
        var target = AllTargets.List.Single(target => target.Name == name);

        Assert.True(target.Seeds().Count(target.Accepts) >= target.Seeds().Count() / 2);
    }
}
