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

    // Kept while a failure ends the loop, which is begun anew: the files would not change once more for them.
    private IReadOnlyCollection<string> _toReplace = [];

    public async Task RunAsync(CancellationToken stopping)
    {
        if (!remoting.Secrets.HasFiles)
        {
            return;
        }

        while (true)
        {
            var wait = remoting.Secrets.IsUnsettled && Settling < _interval ? Settling : _interval;
            await Task.Delay(wait, remoting.TimeProvider, stopping);
            if (remoting.Secrets.Look())
            {
                _toReplace = [.. remoting.Addresses];
            }

            _toReplace = await remoting.ReplaceAsync(_toReplace, () => ConnectionPulse.QuestionOf(clientId));
        }
    }
}
