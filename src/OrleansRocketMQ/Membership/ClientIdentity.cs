using System.Globalization;
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
}
