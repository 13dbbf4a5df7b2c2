using System.Globalization;
using Orleans.Runtime;

namespace OrleansRocketMQ.Allocation;

/// <summary>
/// The RocketMQ client id of a silo, in Java's form <c>ip@instance</c>. It follows from the silo's address alone, so
/// every silo knows which of a group's members are silos of its own cluster.
/// </summary>
internal static class ClientIdentity
{
    public static string Of(SiloAddress silo)
        => string.Create(CultureInfo.InvariantCulture, $"{silo.Endpoint.Address}@{silo.Endpoint.Port}#{silo.Generation}");
}
