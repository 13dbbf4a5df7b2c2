using System.Security.Cryptography;
using System.Text;

namespace OrleansRocketMQ.Security;

/// <summary>HMAC-SHA1, which each thread keeps with its last key: to make one costs several times what a signature does.</summary>
internal static class SigningHash
{
    /// <summary>How long a signature is.</summary>
    public const int Length = HMACSHA1.HashSizeInBytes;

    [ThreadStatic]
    private static string? t_key;

    [ThreadStatic]
    private static IncrementalHash? t_hash;

    /// <summary>Signs some bytes and more behind them.</summary>
    public static void Sign(string secretKey, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> more, Span<byte> signature)
    {
        var hash = Take(secretKey);
        hash.AppendData(bytes);
        if (!more.IsEmpty)
        {
            hash.AppendData(more);
        }

        hash.GetHashAndReset(signature);

        // Only one that ended well is kept: another would begin the next signature with what is left in it.
        (t_key, t_hash) = (secretKey, hash);
    }

    private static IncrementalHash Take(string secretKey)
    {
        var kept = t_hash;
        t_hash = null;
        if (kept is not null && string.Equals(t_key, secretKey, StringComparison.Ordinal))
        {
            return kept;
        }

        kept?.Dispose();
        return IncrementalHash.CreateHMAC(HashAlgorithmName.SHA1, Encoding.UTF8.GetBytes(secretKey));
    }
}
