using OrleansRocketMQ.Chaos.Rounds;
using OrleansRocketMQ.Chaos.Soak;
using OrleansRocketMQ.Chaos.Upgrade;
using OrleansRocketMQ.Chaos.World;

// dotnet run -c Release --project tests/OrleansRocketMQ.Chaos -- --seeds=A..B [--seconds=N] [--results=FILE] [--keep=FOLDER] [--keep-all] [--only=FAULT,FAULT]
// ... -- upgrade [--tag=v0.2.0] [--results=FILE] [--keep=FOLDER]: silos of a release beside those of the present, rolled both ways.
// ... -- soak [--minutes=60] [--results=FILE]: a steady load, and slopes of what silos hold.
// Seeds that stand in the file of results already, of the same tree, are left out, so a run that was broken off goes on.
if (args is not ["brokers", ..])
{
    Children.EndWithThis();
}

return args switch
{
    ["brokers", .. var rest] => await BrokerMain.RunAsync(rest),
    ["upgrade", .. var upgrade] => await UpgradeCommand.RunAsync(upgrade),
    ["soak", .. var soak] => await SoakCommand.RunAsync(soak),
    _ => await RoundsCommand.RunAsync(args),
};
