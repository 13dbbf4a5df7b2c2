using OrleansRocketMQ.SiloHost.Hosting;

if (args.Any(argument => argument is "--help" or "-h" or "-?"))
{
    Console.WriteLine(Usage.Text);
    return ExitCode.Success;
}

try
{
    return await SiloApplication.RunAsync(args);
}
catch (Exception exception) when (StartError.Explain(exception) is { } explanation)
{
    // What the user can put right is told in a line; only what nobody foresaw shows its stack trace.
    await Console.Error.WriteLineAsync($"silo-host cannot start: {explanation}");
    return ExitCode.Failure;
}
