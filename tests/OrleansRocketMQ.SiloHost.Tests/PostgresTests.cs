using OrleansRocketMQ.SiloHost.Support.Stores;

namespace OrleansRocketMQ.SiloHost;

/// <summary>Hosts that find each other, and keep state, in PostgreSQL.</summary>
public sealed class PostgresTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private readonly StoreScenarios _over = new("silo-host-adonet", "AdoNet", postgres.ConnectionString, ("Invariant", "Npgsql"));

    [PostgresFact]
    public Task Two_hosts_find_each_other_split_the_queues_and_a_check_counts_them() => _over.HostsSplitTheQueuesAndACheckCountsThemAsync();

    [PostgresFact]
    public Task A_broadcasting_group_finds_its_progress_again_after_a_restart() => _over.ABroadcastingGroupFindsItsProgressAgainAsync();

    [PostgresFact]
    public Task One_of_two_hosts_is_killed_the_other_takes_all_queues_and_nothing_is_lost() => _over.AKilledHostLosesNothingAsync();

    [PostgresFact]
    public Task What_was_consumed_behind_a_message_that_hangs_does_not_come_again_after_a_kill()
        => _over.WhatACheckpointHoldsIsNotConsumedAgainAfterAKillAsync(HasSeenToAsync);

    [PostgresFact]
    public Task Where_its_checkpoint_was_erased_it_comes_again()
        => _over.WithoutTheCheckpointsOfTheStoreItIsConsumedAgainAfterAKillAsync(
            HasSeenToAsync, () => postgres.AskAsync<long>("WITH gone AS (DELETE FROM grain_state RETURNING 1) SELECT count(*) FROM gone"));

    [PostgresFact]
    public Task A_database_that_is_away_is_told_in_a_line()
        => _over.AStoreThatIsAwayIsToldInALineAsync($"Host=127.0.0.1;Port={FreePorts.Take(1)[0]};Username=nobody;Database=nothing");

    private Task<bool> HasSeenToAsync(int offset) => postgres.AskAsync<bool>(
        $"""SELECT EXISTS (SELECT FROM grain_state WHERE convert_from(payload, 'UTF8') ~ '"SeenTo": ?{offset}\y')""");
}
