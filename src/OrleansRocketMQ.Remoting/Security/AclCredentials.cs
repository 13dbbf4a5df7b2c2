namespace OrleansRocketMQ.Security;

/// <summary>
/// Who a client is to a cluster with access control: every request is signed with the secret key, which itself is never
/// sent. Immutable. Mirrors <c>SessionCredentials</c> of ACL 1.0, which brokers with ACL 2.0 understand, too.
/// </summary>
public sealed class AclCredentials
{
    /// <summary>Creates credentials.</summary>
    /// <param name="accessKey">The account; sent with every request.</param>
    /// <param name="secretKey">What requests are signed with.</param>
    /// <param name="securityToken">The token of a temporary account, sent with every request; null when there is none.</param>
    /// <exception cref="RocketMQConfigurationException">A key is empty. Secrets never occur in the error.</exception>
    public AclCredentials(string accessKey, string secretKey, string? securityToken = null)
    {
        if (string.IsNullOrWhiteSpace(accessKey))
        {
            throw new RocketMQConfigurationException(nameof(AccessKey), accessKey, "the name of an account, since there is a secret key");
        }

        if (string.IsNullOrWhiteSpace(secretKey))
        {
            throw new RocketMQConfigurationException(
                nameof(SecretKey), "(empty)", "the secret key of the account, since there is an access key");
        }

        AccessKey = accessKey;
        SecretKey = secretKey;
        SecurityToken = string.IsNullOrWhiteSpace(securityToken) ? null : securityToken;
    }

    /// <summary>The account.</summary>
    public string AccessKey { get; }

    internal string SecretKey { get; }

    internal string? SecurityToken { get; }

    /// <summary>The account without its secrets.</summary>
    public override string ToString() => $"access key {AccessKey}";
}
