using System.Globalization;
using System.Net;
using Orleans.Runtime;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// The RocketMQ client id of a silo, in Java's form <c>ip@instance</c>. It follows from the silo's address, so
/// every silo knows which of a group's members are silos of its own cluster. The name of the unit, if there is one, is
/// the same on all of them.
/// </summary>
internal static class ClientIdentity
{
    public static string Of(SiloAddress silo, string? unitName)
    {
        var id = string.Create(CultureInfo.InvariantCulture, $"{silo.Endpoint.Address}@{silo.Endpoint.Port}#{silo.Generation}");
        return string.IsNullOrEmpty(unitName) ? id : $"{id}@{unitName}";
    }

    /// <summary>The silo with a client id that <see cref="Of"/> has made.</summary>
    public static SiloAddress SiloOf(string clientId)
    {
        var id = clientId.AsSpan();
        var at = id.IndexOf('@');
        var mark = id.IndexOf('#');
        var end = id[mark..].IndexOf('@') is >= 0 and var unit ? mark + unit : id.Length;
        return SiloAddress.New(
            IPAddress.Parse(id[..at]),
            int.Parse(id[(at + 1)..mark], CultureInfo.InvariantCulture),
            int.Parse(id[(mark + 1)..end], CultureInfo.InvariantCulture));
    }
}
