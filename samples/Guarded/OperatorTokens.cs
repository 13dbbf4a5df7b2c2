using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Guarded;

/// <summary>What a caller may do with consumer groups.</summary>
internal enum Role
{
    None,
    Viewer,
    Operator,
}

/// <summary>
/// Says who is what, until when, in a text that only who has the key can write. Where callers have an identity already, its
/// tokens (JWT) take this one's place.
/// </summary>
internal sealed class OperatorTokens(byte[] key)
{
    public string Issue(string name, Role role, DateTimeOffset until)
    {
        var claim = FormattableString.Invariant($"{name}|{role}|{until.ToUnixTimeSeconds()}");
        return $"{claim}|{Convert.ToHexString(Sign(claim))}";
    }

    /// <summary>Who it is; nobody, where the token is missing, was changed, is of another key, or has run out.</summary>
    public (string Name, Role Role) Read(string? token, DateTimeOffset now)
    {
        var end = token?.LastIndexOf('|') ?? -1;
        if (end < 0 || token![..end].Split('|') is not [var name, var role, var until] || !IsSignature(token[..end], token[(end + 1)..]))
        {
            return ("nobody", Role.None);
        }

        var runsOut = DateTimeOffset.FromUnixTimeSeconds(long.Parse(until, CultureInfo.InvariantCulture));
        return now < runsOut ? (name, Enum.Parse<Role>(role)) : (name, Role.None);
    }

    private bool IsSignature(string claim, string hex)
        => hex.Length == 64 && CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Convert.ToHexString(Sign(claim))), Encoding.ASCII.GetBytes(hex));

    private byte[] Sign(string claim) => HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(claim));
}
