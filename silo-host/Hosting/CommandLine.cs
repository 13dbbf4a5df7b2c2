namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>What the command line says beside settings.</summary>
/// <param name="Settings">The arguments that are settings.</param>
/// <param name="AsksForHelp"><c>--help</c>.</param>
internal sealed record CommandLine(string[] Settings, bool AsksForHelp)
{
    public static CommandLine Parse(string[] args)
    {
        // Taken out, as the reader of settings would take the argument after them for their value.
        string[] help = ["--help", "-h", "-?"];
        return new CommandLine([.. args.Except(help)], args.Intersect(help).Any());
    }
}
