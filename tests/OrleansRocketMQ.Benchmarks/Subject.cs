namespace OrleansRocketMQ.Benchmarks;

/// <summary>What is measured, by name: a pull, or a mode and how many messages a listener gets at once.</summary>
internal sealed record Subject(string Name, string Command, string[] Arguments)
{
    public List<Warm> Rounds { get; } = [];

    /// <param name="setting">Where the names were given.</param>
    /// <param name="names">The names, separated by commas.</param>
    public static Subject[] All(string setting, string names)
        => [.. names.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(name => Of(setting, name))];

    private static Subject Of(string setting, string name) => name.Split('-') switch
    {
        ["pull"] => new(name, "pull", []),
        ["pull", "signed"] => new(name, "pull", ["--signed"]),
        [var mode, var batch] => new(name, "consume", [$"--mode={mode}", $"--batch={batch}"]),
        [var mode, var batch, "metrics"] => new(name, "consume", [$"--mode={mode}", $"--batch={batch}", "--metrics"]),
        [var mode, var batch, "traced"] => new(name, "consume", [$"--mode={mode}", $"--batch={batch}", "--metrics", "--traces"]),
        _ => throw new RocketMQValidationException(
            setting, name, "pull, pull-signed, or a mode and a batch such as concurrent-32, with -metrics or -traced (and metrics) behind them if wanted"),
    };
}
