using System.Globalization;
using OrleansRocketMQ.Chaos.Plan;
using OrleansRocketMQ.Chaos.Soak;
using OrleansRocketMQ.Chaos.Upgrade;
using OrleansRocketMQ.Chaos.World;
using OrleansRocketMQ.SiloHost.Support;

// dotnet run -c Release --project tests/OrleansRocketMQ.Chaos -- --seeds=A..B [--seconds=N] [--results=FILE] [--keep=FOLDER]
// ... -- upgrade [--tag=v0.2.0] [--results=FILE] [--keep=FOLDER]: silos of a release beside those of the present, rolled both ways.
// ... -- soak [--minutes=60] [--results=FILE]: a steady load, and slopes of what silos hold.
// Seeds that stand in the file of results already are left out, so a run that was broken off goes on.
if (args is ["brokers", .. var rest])
{
    return await BrokerMain.RunAsync(rest);
}

if (args is ["upgrade", .. var upgrade])
{
    return await UpgradeCommand.RunAsync(upgrade);
}

if (args is ["soak", .. var soak])
{
    return await SoakCommand.RunAsync(soak);
}

string? Value(string name) => args.FirstOrDefault(argument => argument.StartsWith(name, StringComparison.Ordinal))?[name.Length..];
if ((Value("--seeds=") ?? Value("--seed="))?.Split("..") is not [var first, ..] seeds)
{
    await Console.Error.WriteLineAsync("--seeds=A..B or --seed=N, [--seconds=N] [--results=FILE] [--keep=FOLDER]");
    return 2;
}

var lasts = TimeSpan.FromSeconds(int.Parse(Value("--seconds=") ?? "45", CultureInfo.InvariantCulture));
var results = Value("--results=");
var done = results is not null && File.Exists(results) ? File.ReadAllLines(results) : [];
var failed = 0;
for (var seed = int.Parse(first, CultureInfo.InvariantCulture); seed <= int.Parse(seeds[^1], CultureInfo.InvariantCulture); seed++)
{
    if (done.Any(line => line.Contains($" seed {seed}:", StringComparison.Ordinal)))
    {
        continue;
    }

    var folder = Directory.CreateTempSubdirectory("orleansrocketmq-chaos-").FullName;
    var result = await new Round(RoundPlan.Of(seed, lasts), folder).RunAsync();
    Console.WriteLine(result);
    if (results is not null)
    {
        await File.AppendAllLinesAsync(results, [result.ToString()]);
    }

    if (result.Complaints.Count > 0)
    {
        failed++;
        Directory.Move(folder, Path.Join(Value("--keep=") ?? Path.GetTempPath(), $"chaos-{seed}-{DateTime.UtcNow:HHmmss}"));
    }
    else
    {
        Directory.Delete(folder, recursive: true);
    }
}

return failed == 0 ? 0 : 1;
