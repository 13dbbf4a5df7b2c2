using OrleansRocketMQ.Connections;

namespace OrleansRocketMQ.Clients;

/// <summary>
/// Looks at the files with certificates and access keys, again and again: file systems with mounted secrets tell nobody of a
/// change. New keys sign the next request; new certificates are for new connections, which replace those that are open.
/// </summary>
internal sealed class SecretsRotation(RemotingClient remoting, string clientId)
{
    // A change is taken when it has stood for so long.
    private static readonly TimeSpan Settling = TimeSpan.FromSeconds(1);

    private readonly TimeSpan _interval = remoting.Options.FileReloadInterval;

    public async Task RunAsync(CancellationToken stopping)
    {
        if (!remoting.Secrets.HasFiles)
        {
            return;
        }

        IReadOnlyCollection<string> toReplace = [];
        while (true)
        {
            var wait = remoting.Secrets.IsUnsettled && Settling < _interval ? Settling : _interval;
            await Task.Delay(wait, remoting.TimeProvider, stopping);
            if (remoting.Secrets.Look())
            {
                toReplace = [.. remoting.Addresses];
            }

            toReplace = await remoting.ReplaceAsync(toReplace, () => ConnectionPulse.QuestionOf(clientId));
        }
    }
}
