using OrleansRocketMQ.Engine.Queue;
using OrleansRocketMQ.Engine.Rebalance;
using OrleansRocketMQ.Engine.Scheduling;
using OrleansRocketMQ.Engine.Simulation.World;
using OrleansRocketMQ.Engine.Statistics;

namespace OrleansRocketMQ.Engine.Simulation.Members;

/// <summary>A member as its part of the group sees it, be it that it pulls or pops.</summary>
internal interface IGroupMember
{
    Owner Owner { get; }

    /// <summary>Which queues are to be here, and how the member finds out.</summary>
    RebalanceLoop Rebalance { get; }

    GroupStatistics Statistics { get; }

    /// <summary>The queues that have not ended here.</summary>
    IReadOnlyDictionary<MessageQueue, IGroupQueue> Queues { get; }

    /// <summary>The queues of each topic the group wants, as the member knows them.</summary>
    IReadOnlyList<IReadOnlyList<MessageQueue>> Topics { get; }

    /// <summary>Whether the messages of a queue are to be popped, as far as the member knows.</summary>
    bool? Pops(MessageQueue queue);

    /// <summary>Lets go of all queues; the member ends.</summary>
    Task HandOverAsync(StopDeadline deadline);
}
