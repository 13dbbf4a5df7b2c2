using System.Security.Cryptography;
using System.Text;
using OrleansRocketMQ.Framing;
using OrleansRocketMQ.Security;

namespace OrleansRocketMQ.Embedded.Serving;

/// <summary>Lets in only requests that a known account has signed. The complaints are those of RocketMQ 5.3.3.</summary>
internal sealed class AccessControl(IReadOnlyDictionary<string, string> secretKeys)
{
    /// <summary>Why a request is refused, or null when it is not.</summary>
    public string? Complaint(RemotingCommand request)
    {
        if (request[AclSigner.AccessKeyField] is not { Length: > 0 } accessKey)
        {
            return "username cannot be null.";
        }

        if (!secretKeys.TryGetValue(accessKey, out var secretKey))
        {
            return $"User:{accessKey} is not found.";
        }

        var expected = Encoding.ASCII.GetBytes(AclSigner.SignatureOf(request, secretKey));
        var given = Encoding.UTF8.GetBytes(request[AclSigner.SignatureField] ?? string.Empty);
        return CryptographicOperations.FixedTimeEquals(expected, given) ? null : "check signature failed.";
    }
}
