using System.Buffers;
using System.Text;
using OrleansRocketMQ.Framing;

namespace OrleansRocketMQ.Security;

/// <summary>Signs requests as ACL 1.0 wants it. Mirrors <c>AclClientRPCHook</c> and <c>AclUtils</c>.</summary>
internal static class AclSigner
{
    public const string AccessKeyField = "AccessKey";
    public const string SecurityTokenField = "SecurityToken";
    public const string SignatureField = "Signature";

    // More than any request has, and usual values together; what is more takes arrays.
    private const int UsualFields = 32;
    private const int UsualBytes = 1024;

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
        var fields = request.Fields.AsSpan();
        Span<int> order = fields.Length <= UsualFields ? stackalloc int[UsualFields] : new int[fields.Length];
        order = order[..fields.Length];
        SortByName(fields, order);

        var length = 0;
        foreach (var (_, value) in fields)
        {
            length += Encoding.UTF8.GetByteCount(value);
        }

        var rented = length > UsualBytes ? ArrayPool<byte>.Shared.Rent(length) : null;
        Span<byte> values = rented ?? stackalloc byte[UsualBytes];
        Span<byte> signature = stackalloc byte[SigningHash.Length];
        try
        {
            var end = 0;
            foreach (var index in order)
            {
                var (name, value) = fields[index];
                end += name == SignatureField ? 0 : Encoding.UTF8.GetBytes(value, values[end..]);
            }

            SigningHash.Sign(secretKey, values[..end], request.Body.Span, signature);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }

        return Convert.ToBase64String(signature);
    }

    /// <summary>The places of the fields in the order of their names, which are a dozen: inserted one by one.</summary>
    internal static void SortByName(ReadOnlySpan<KeyValuePair<string, string>> fields, Span<int> order)
    {
        for (var next = 0; next < fields.Length; next++)
        {
            var place = next;
            while (place > 0 && string.CompareOrdinal(fields[order[place - 1]].Key, fields[next].Key) > 0)
            {
                order[place] = order[--place];
            }

            order[place] = next;
        }
    }
}
