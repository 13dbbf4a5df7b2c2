using System.Runtime.CompilerServices;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Offsets;

// Moved to the engine; programs that were built against this library find them here as before.
[assembly: TypeForwardedTo(typeof(ConsumeFromWhere))]
[assembly: TypeForwardedTo(typeof(ConsumerOptions))]
[assembly: TypeForwardedTo(typeof(MessageModel))]
[assembly: TypeForwardedTo(typeof(OffsetStoreFigures))]
[assembly: TypeForwardedTo(typeof(PoisonHandling))]
