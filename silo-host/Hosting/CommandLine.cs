namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>What the command line says beside settings.</summary>
/// <param name="Settings">The arguments that are settings.</param>
/// <param name="AsksForHelp"><c>--help</c>.</param>
/// <param name="AsksForCheck"><c>--check</c>.</param>
internal sealed record CommandLine(string[] Settings, bool AsksForHelp, bool AsksForCheck)
{
    private const string Check = "--check";
    private static readonly string[] s_help = ["--help", "-h", "-?"];

    public static CommandLine Parse(string[] args) => new(
        // Without these, as the reader of settings would take the argument behind them for their value.
        [.. args.Where(argument => argument != Check && !s_help.Contains(argument))],
        args.Any(s_help.Contains),
        args.Contains(Check));
}
