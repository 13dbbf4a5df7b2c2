using System.Runtime.CompilerServices;
using OrleansRocketMQ;

// Moved beside RocketMQException; programs that were built against this library find them here as before.
[assembly: TypeForwardedTo(typeof(ConsumerShutdownException))]
[assembly: TypeForwardedTo(typeof(ConsumerStartException))]
[assembly: TypeForwardedTo(typeof(ConsumerStateException))]
[assembly: TypeForwardedTo(typeof(InvalidSelectorException))]
[assembly: TypeForwardedTo(typeof(InvalidTopicException))]
[assembly: TypeForwardedTo(typeof(MessageConsumeException))]
[assembly: TypeForwardedTo(typeof(MessagePullException))]
[assembly: TypeForwardedTo(typeof(NotSubscribedException))]
[assembly: TypeForwardedTo(typeof(OffsetException))]
[assembly: TypeForwardedTo(typeof(OffsetFetchException))]
[assembly: TypeForwardedTo(typeof(RebalanceException))]
[assembly: TypeForwardedTo(typeof(SubscribeException))]
[assembly: TypeForwardedTo(typeof(SubscriptionConflictException))]
[assembly: TypeForwardedTo(typeof(SubscriptionDataException))]
[assembly: TypeForwardedTo(typeof(SubscriptionLimitExceededException))]
