using System.Net;
using Orleans.Runtime;
using OrleansRocketMQ.Allocation;

namespace OrleansRocketMQ.Tests.Allocation;

public sealed class ClientIdentityTests
{
    [Theory]
    [InlineData("10.0.0.1", null)]
    [InlineData("10.0.0.1", "east")]
    [InlineData("::1", null)]
    [InlineData("fd00::12:1", "a#b@c")]
    public void A_silo_is_found_by_its_client_id(string address, string? unitName)
    {
        var silo = SiloAddress.New(IPAddress.Parse(address), 11111, 123456789);

        Assert.Equal(silo, ClientIdentity.SiloOf(ClientIdentity.Of(silo, unitName)));
    }
}
