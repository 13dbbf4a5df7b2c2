using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Hosts that find each other, and keep state, in Redis.</summary>
public sealed class RedisTests(RedisServer redis) : IClassFixture<RedisServer>
{
    private readonly StoreScenarios _over = new("silo-host-redis", "Redis", redis.ConnectionString);

    [RedisFact]
    public Task Two_hosts_find_each_other_split_the_queues_and_a_check_counts_them() => _over.HostsSplitTheQueuesAndACheckCountsThemAsync();

    [RedisFact]
    public Task A_broadcasting_group_finds_its_progress_again_after_a_restart() => _over.ABroadcastingGroupFindsItsProgressAgainAsync();

    [RedisFact]
    public Task One_of_two_hosts_is_killed_the_other_takes_all_queues_and_nothing_is_lost() => _over.AKilledHostLosesNothingAsync();

    [RedisFact]
    public Task A_Redis_that_is_away_is_told_in_a_line() => _over.AStoreThatIsAwayIsToldInALineAsync($"127.0.0.1:{FreePorts.Take(1)[0]}");
}
