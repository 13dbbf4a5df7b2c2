using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>
/// Lets in who knows a secret: as the password of HTTP's Basic scheme, which browsers ask for, or as a bearer token. The
/// user name is what the caller calls himself, for the log; nothing proves it.
/// </summary>
internal sealed class SharedSecretHandler(
    SharedSecrets secrets, IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory loggers, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, loggers, encoder)
{
    public new const string Scheme = "SharedSecret";

    /// <summary>The claim of who may see the dashboard.</summary>
    public const string MaySee = "OrleansRocketMQ.Dashboard.MaySee";

    /// <summary>The claim of who may act with it.</summary>
    public const string MayAct = "OrleansRocketMQ.Dashboard.MayAct";

    private const string Anonymous = "whoever has the secret";
    private const int LongestHeader = 4096;
    private const int LongestName = 64;

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Read(Request.Headers.Authorization.ToString()) is not var (name, secret))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        var (maySee, mayAct) = secrets.Look(secret);
        if (!maySee)
        {
            return Task.FromResult(AuthenticateResult.Fail("The secret is none of this host's."));
        }

        List<Claim> claims = [new(ClaimTypes.Name, name), new(ClaimTypes.NameIdentifier, name), new(MaySee, "yes")];
        if (mayAct)
        {
            claims.Add(new(MayAct, "yes"));
        }

        return Task.FromResult(AuthenticateResult.Success(new(new(new ClaimsIdentity(claims, Scheme)), Scheme)));
    }

    // Who would send the secret by plain HTTP is not asked: the dashboard answers before.
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.StatusCode = StatusCodes.Status401Unauthorized;
        Response.Headers[HeaderNames.WWWAuthenticate] = "Basic realm=\"OrleansRocketMQ dashboard\", charset=\"UTF-8\"";
        return Task.CompletedTask;
    }

    private static (string Name, string Secret)? Read(string header)
    {
        if (header.Length > LongestHeader)
        {
            return null;
        }

        if (header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            return (Anonymous, header["Bearer ".Length..].Trim());
        }

        var bytes = new byte[LongestHeader];
        if (!header.StartsWith("Basic ", StringComparison.OrdinalIgnoreCase)
            || !Convert.TryFromBase64String(header["Basic ".Length..].Trim(), bytes, out var length))
        {
            return null;
        }

        var pair = Encoding.UTF8.GetString(bytes, 0, length);
        var colon = pair.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? null : (colon == 0 ? Anonymous : pair[..Math.Min(colon, LongestName)], pair[(colon + 1)..]);
    }
}

/// <summary>The secrets, as digests under a key of this process: comparing them takes as long whatever is right of a guess.</summary>
internal sealed class SharedSecrets(string? view, string? act)
{
    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    /// <summary>What a secret allows.</summary>
    public (bool MaySee, bool MayAct) Look(string secret)
    {
        var mayAct = IsEqual(act, secret);
        return (IsEqual(view, secret) | mayAct, mayAct);
    }

    private bool IsEqual(string? wanted, string given)
        => CryptographicOperations.FixedTimeEquals(Digest(wanted ?? string.Empty), Digest(given)) & wanted is not null;

    private byte[] Digest(string text) => HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(text));
}
