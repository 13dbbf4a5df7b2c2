using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Connections;
using OrleansRocketMQ.Protocol;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Hosting;

/// <summary>What the options of a silo mean for its connections.</summary>
internal static class ClientSettings
{
    /// <exception cref="RocketMQConfigurationException">
    /// Settings do not go together, or a file cannot be used; secrets are not shown.
    /// </exception>
    public static RemotingOptions RemotingOf(RocketMQOptions options) => new()
    {
        RequestTimeout = options.RequestTimeout,
        MaxFrameLength = options.MaxFrameLength,
        Credentials = CredentialsOf(options),
        CredentialsFile = options.CredentialsFile,
        FileReloadInterval = options.FileReloadInterval,
        Tls = TlsOf(options),
        Namespace = options.Namespace,
        NamespaceV2 = options.NamespaceV2,
    };

    /// <summary>Refuses what cannot work, before anything starts.</summary>
    /// <exception cref="RocketMQConfigurationException">
    /// Settings do not go together, or a file cannot be used; secrets are not shown.
    /// </exception>
    public static void Check(RocketMQOptions options)
    {
        CheckName(options.Namespace, nameof(options.Namespace));
        CheckName(options.NamespaceV2, nameof(options.NamespaceV2));
        CheckName(options.UnitName, nameof(options.UnitName));
        if (!string.IsNullOrEmpty(options.Namespace) && !string.IsNullOrEmpty(options.NamespaceV2))
        {
            throw Bad(
                nameof(options.NamespaceV2), options.NamespaceV2, $"none, since {nameof(options.Namespace)} is '{options.Namespace}'");
        }

        if (!options.UseTls && HasTlsSetting(options))
        {
            throw Bad(nameof(options.UseTls), false, "true, since there are other settings of TLS");
        }

        if (RemotingOf(options).Tls is { } tls)
        {
            _ = new TlsHandshake(tls);
        }

        if (options.CredentialsFile is { } file)
        {
            CheckCredentialsFile(options, file);
        }
    }

    private static void CheckCredentialsFile(RocketMQOptions options, string file)
    {
        if (CredentialsOf(options) is not null)
        {
            throw Bad(nameof(options.CredentialsFile), file, $"none, since there is an {nameof(options.AccessKey)}");
        }

        _ = CredentialsFile.Read(file);
    }

    private static AclCredentials? CredentialsOf(RocketMQOptions options)
    {
        if (string.IsNullOrEmpty(options.AccessKey)
            && string.IsNullOrEmpty(options.SecretKey)
            && string.IsNullOrEmpty(options.SecurityToken))
        {
            return null;
        }

        return string.IsNullOrWhiteSpace(options.AccessKey)
            ? throw Bad(nameof(options.AccessKey), options.AccessKey, "the name of an account, since there is a secret key or token")
            : string.IsNullOrWhiteSpace(options.SecretKey)
                ? throw Bad(nameof(options.SecretKey), "(empty)", "the secret key of the account, since there is an access key")
                : new AclCredentials(options.AccessKey, options.SecretKey, options.SecurityToken);
    }

    private static TlsOptions? TlsOf(RocketMQOptions options) => !options.UseTls ? null : new()
    {
        AuthorityFile = options.TlsAuthorityFile,
        DangerouslyTrustAnyCertificate = options.TlsDangerouslyTrustAnyCertificate,
        ClientCertificateFile = options.TlsClientCertificateFile,
        ClientKeyFile = options.TlsClientKeyFile,
        ClientKeyPassword = options.TlsClientKeyPassword,
        TargetHost = options.TlsTargetHost,
    };

    private static bool HasTlsSetting(RocketMQOptions options) => options.TlsDangerouslyTrustAnyCertificate
        || options.TlsAuthorityFile is not null
        || options.TlsClientCertificateFile is not null
        || options.TlsClientKeyFile is not null
        || options.TlsClientKeyPassword is not null
        || options.TlsTargetHost is not null;

    private static void CheckName(string? name, string field)
    {
        if (string.IsNullOrEmpty(name))
        {
            return;
        }

        // '%' separates the namespace from the name, '@' the parts of a client id.
        if (name.Contains('%', StringComparison.Ordinal))
        {
            throw Bad(field, name, "letters, digits, and the characters | - _");
        }

        try
        {
            SystemTopics.CheckGroup(name);
        }
        catch (RocketMQValidationException)
        {
            throw Bad(field, name, "letters, digits, and the characters | - _");
        }
    }

    private static RocketMQConfigurationException Bad(string field, object? value, string expected)
        => new($"{RocketMQOptions.SectionName}:{field}", value, expected);
}
