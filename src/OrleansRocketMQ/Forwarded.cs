using System.Runtime.CompilerServices;
using OrleansRocketMQ.Allocation;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Offsets;

// Moved to the engine; programs that were built against this library find them here as before.
[assembly: TypeForwardedTo(typeof(AverageAllocation))]
[assembly: TypeForwardedTo(typeof(CircleAllocation))]
[assembly: TypeForwardedTo(typeof(ConfiguredAllocation))]
[assembly: TypeForwardedTo(typeof(ConsistentHashAllocation))]
[assembly: TypeForwardedTo(typeof(ConsumeFromWhere))]
[assembly: TypeForwardedTo(typeof(ConsumerOptions))]
[assembly: TypeForwardedTo(typeof(HashAllocation))]
[assembly: TypeForwardedTo(typeof(IAllocateStrategy))]
[assembly: TypeForwardedTo(typeof(IMachineRoomResolver))]
[assembly: TypeForwardedTo(typeof(MachineRoomAllocation))]
[assembly: TypeForwardedTo(typeof(MessageModel))]
[assembly: TypeForwardedTo(typeof(NearbyAllocation))]
[assembly: TypeForwardedTo(typeof(OffsetStoreFigures))]
[assembly: TypeForwardedTo(typeof(PoisonHandling))]
[assembly: TypeForwardedTo(typeof(PrefixMachineRooms))]
[assembly: TypeForwardedTo(typeof(WholeAllocation))]
