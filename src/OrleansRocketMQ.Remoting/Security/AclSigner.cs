using System.Security.Cryptography;
using System.Text;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Security;

/// <summary>Signs requests as ACL 1.0 wants it. Mirrors <c>AclClientRPCHook</c> and <c>AclUtils</c>.</summary>
internal static class AclSigner
{
    public const string AccessKeyField = "AccessKey";
    public const string SecurityTokenField = "SecurityToken";
    public const string SignatureField = "Signature";

    /// <summary>Adds who asks, and the signature over everything else; nothing may be changed afterwards.</summary>
    public static void Sign(RemotingCommand request, AclCredentials credentials)
    {
        request.Set(AccessKeyField, credentials.AccessKey).Set(SecurityTokenField, credentials.SecurityToken);
        request.Set(SignatureField, SignatureOf(request, credentials.SecretKey));
    }

    /// <summary>
    /// The signature of a request: HMAC-SHA1 over the values of its fields, sorted by their names, and its body; in
    /// Base64. The names themselves are not part of it.
    /// </summary>
    public static string SignatureOf(RemotingCommand request, string secretKey)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, Encoding.UTF8.GetBytes(secretKey));
        var fields = request.Fields.AsSpan().ToArray();
        Array.Sort(fields, static (one, other) => string.CompareOrdinal(one.Key, other.Key));
        foreach (var (name, value) in fields)
        {
            if (name != SignatureField)
            {
                hmac.AppendData(Encoding.UTF8.GetBytes(value));
            }
        }

        hmac.AppendData(request.Body.Span);
        return Convert.ToBase64String(hmac.GetHashAndReset());
    }
}
