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
    public Task What_was_consumed_behind_a_message_that_hangs_does_not_come_again_after_a_kill()
        => _over.WhatACheckpointHoldsIsNotConsumedAgainAfterAKillAsync(HasSeenToAsync);

    [RedisFact]
    public Task Where_its_checkpoint_was_erased_it_comes_again()
        => _over.WithoutTheCheckpointsOfTheStoreItIsConsumedAgainAfterAKillAsync(HasSeenToAsync, () => redis.AskAsync("FLUSHALL"));

    [RedisFact]
    public Task A_host_that_others_reach_at_an_address_its_machine_does_not_have_listens_where_it_is_told()
        => _over.AHostBehindATranslationOfAddressesStartsAsync();

    [RedisFact]
    public Task A_Redis_that_is_away_is_told_in_a_line() => _over.AStoreThatIsAwayIsToldInALineAsync($"127.0.0.1:{FreePorts.Take(1)[0]}");

    /// <summary>Orleans keeps the state of a grain in a hash whose field <c>data</c> is JSON.</summary>
    private async Task<bool> HasSeenToAsync(int offset)
    {
        const string Script = """
            for _, key in ipairs(redis.call('KEYS', '*')) do
              if redis.call('TYPE', key).ok == 'hash' then
                local state = redis.call('HGET', key, 'data')
                if state and string.find(state, ARGV[1]) then return 1 end
              end
            end
            return 0
            """;
        return await redis.AskAsync("EVAL", Script, "0", $"\"SeenTo\": ?{offset}%f[%D]") == ":1";
    }
}
