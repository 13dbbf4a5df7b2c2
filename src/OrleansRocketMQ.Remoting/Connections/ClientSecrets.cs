using Microsoft.Extensions.Logging;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Connections;

/// <summary>What a client proves itself with, and whom it trusts: as set, and as its files say at present.</summary>
internal sealed class ClientSecrets
{
    private readonly AclCredentials? _fixed;
    private readonly RotatedFiles<TlsHandshake>? _tls;
    private readonly RotatedFiles<AclCredentials>? _credentials;

    /// <exception cref="RocketMQConfigurationException">A file cannot be used.</exception>
    public ClientSecrets(RemotingOptions options, ILogger logger)
    {
        _fixed = options.Credentials;
        _tls = options.Tls is { } tls ? new("Certificates", tls.Files, () => new TlsHandshake(tls), logger) : null;
        _credentials = options.CredentialsFile is { } file
            ? new("Access keys", [file], () => CredentialsFile.Read(file), logger)
            : null;
    }

    /// <summary>Encrypts what is connected from now on; null: nothing is.</summary>
    public TlsHandshake? Tls => _tls?.Current;

    /// <summary>Signs what is sent from now on; null: nothing is.</summary>
    public AclCredentials? Credentials => _credentials?.Current ?? _fixed;

    /// <summary>Whether there is any file to look at.</summary>
    public bool HasFiles => _tls is { HasFiles: true } || _credentials is not null;

    /// <summary>Whether a change was seen that the next look may take.</summary>
    public bool IsUnsettled => _tls is { IsUnsettled: true } || _credentials is { IsUnsettled: true };

    /// <summary>What is wrong with the present files; those from before are used.</summary>
    public IReadOnlyList<string> Troubles => [.. new[] { _tls?.Trouble, _credentials?.Trouble }.OfType<string>()];

    /// <summary>Looks at the files.</summary>
    /// <returns>Whether there are new certificates.</returns>
    public bool Look()
    {
        _credentials?.Look();
        return _tls?.Look() == true;
    }
}
