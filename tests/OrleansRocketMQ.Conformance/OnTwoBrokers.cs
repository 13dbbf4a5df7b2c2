namespace OrleansRocketMQ.Conformance;

// What counts queues, or asks a certain broker, is tried on two of them in every run: with ROCKETMQ_TEST_BROKERS=2 all is.

[Collection(TwoBrokerCollection.Name)]
public sealed class AdminRequestsOnTwoBrokersTests(TwoBrokerCluster rocketmq) : AdminRequestTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class BroadcastingOnTwoBrokersTests(TwoBrokerCluster rocketmq) : BroadcastingTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class DeadLettersOnTwoBrokersTests(TwoBrokerCluster rocketmq) : DeadLetterTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class LifecycleOnTwoBrokersTests(TwoBrokerCluster rocketmq) : LifecycleTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class MembershipOnTwoBrokersTests(TwoBrokerCluster rocketmq) : MembershipTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class OrderlyConsumptionOnTwoBrokersTests(TwoBrokerCluster rocketmq) : OrderlyConsumptionTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class OrderedPopsOnTwoBrokersTests(TwoBrokerCluster rocketmq) : OrderedPopTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class PopSharingOnTwoBrokersTests(TwoBrokerCluster rocketmq) : PopSharingTests(rocketmq);

[Collection(TwoBrokerCollection.Name)]
public sealed class SeekOnTwoBrokersTests(TwoBrokerCluster rocketmq) : SeekTests(rocketmq);
