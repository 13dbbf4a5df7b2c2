using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.Chaos.World.Brokers;

/// <summary>
/// What can be done to brokers that somebody else runs: the programs of a folder, each of which is called with the name of a broker and
/// ends when it is done. <c>kill</c> and <c>stop</c> end one without and with a word, <c>start</c> starts it on the same files,
/// <c>suspend</c> and <c>resume</c> are SIGSTOP and SIGCONT. What is not there is not done.
/// </summary>
/// <param name="folder">Null: there is nothing.</param>
internal sealed class BrokerControl(string? folder)
{
    public bool Can(params string[] verbs) => folder is not null && verbs.All(verb => File.Exists(Path.Join(folder, verb)));

    public Task DoAsync(string verb, IEnumerable<string> brokers) => Task.WhenAll(brokers.Select(broker => DoAsync(verb, broker)));

    private async Task DoAsync(string verb, string broker)
    {
        await using var program = RunningProgram.StartCommand([Path.Join(folder, verb), broker]);
        if (await program.UntilEndedAsync() is not 0 and var exitCode)
        {
            throw new InvalidOperationException($"{verb} {broker} ended with {exitCode}: {program.Everything}");
        }
    }
}
