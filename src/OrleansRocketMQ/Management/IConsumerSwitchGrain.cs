using Orleans;

namespace OrleansRocketMQ.Management;

/// <summary>Starts and stops a group on one silo. The key is <c>group@silo</c>, and the grain lives on that silo.</summary>
[Alias("OrleansRocketMQ.IConsumerSwitchGrain")]
internal interface IConsumerSwitchGrain : IGrainWithStringKey
{
    /// <summary>Starts or stops it.</summary>
    /// <returns>False when the group is not configured there.</returns>
    [ResponseTimeout("00:12:00")]
    [Alias("Switch")]
    Task<bool> SwitchAsync(bool on);
}
