using System.Globalization;
using OrleansRocketMQ.Fuzz.Kernel;
using OrleansRocketMQ.Fuzz.Targets;

// dotnet run -c Release --project tests/OrleansRocketMQ.Fuzz -- [TARGET …] [--inputs=N] [--seed=N] [--save=FOLDER]
// dotnet run --project tests/OrleansRocketMQ.Fuzz -- --lines=FILE
string? Value(string name) => args.FirstOrDefault(argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
if (Value("--lines=") is { } coverage)
{
    foreach (var line in ReachedLines.Of(AllTargets.List, coverage))
    {
        Console.WriteLine(line);
    }

    return 0;
}

if (!Instrumentation.IsOn)
{
    return await Instrumentation.RunCopyAsync(args);
}

EdgeMap.Prepare();
var inputs = Value("--inputs=") is { } count ? long.Parse(count, CultureInfo.InvariantCulture) : (long?)null;
var seed = int.Parse(Value("--seed=") ?? "1", CultureInfo.InvariantCulture);
var names = args.Where(argument => !argument.StartsWith('-')).ToList();
if (names.Find(name => AllTargets.List.All(target => target.Name != name)) is { } unknown)
{
    await Console.Error.WriteLineAsync($"There is no target '{unknown}'. There are: {string.Join(", ", AllTargets.List.Select(target => target.Name))}");
    return 2;
}

var failed = false;
using var hangs = new Hangs();
foreach (var target in AllTargets.List.Where(target => names.Count == 0 || names.Contains(target.Name)))
{
    var report = new FuzzRun(target, seed, [.. Corpus.Kept(target), .. Corpus.Found(target)], hangs).Run(inputs ?? target.LongRun);
    Console.WriteLine(FormattableString.Invariant(
        $"{report.Target}: {report.Inputs:N0} inputs in {report.Took.TotalSeconds:N0} s, {100.0 * report.Framed / report.Inputs:0.0} % in a right frame, {report.Accepted:N0} taken, {report.Edges} branches, corpus of {report.Corpus.Count}"));
    foreach (var failure in report.Failures)
    {
        failed = true;
        Console.WriteLine($"  {failure.What}{Environment.NewLine}    {Convert.ToBase64String(failure.Input)}");
    }

    if (Value("--save=") is { } folder)
    {
        Corpus.Write(folder, report);
    }
}

return failed ? 1 : 0;
