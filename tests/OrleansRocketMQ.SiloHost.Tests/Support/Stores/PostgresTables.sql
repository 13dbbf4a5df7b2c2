-- What Orleans' AdoNet providers ask a database for, written for these tests: texts of queries by the names the providers
-- look them up by. Each change is one statement, so that it happens as a whole or not at all.
CREATE TABLE OrleansQuery (QueryKey text PRIMARY KEY, QueryText text NOT NULL);

-- The list of silos of a cluster has a version; whoever changes the list must name the version it has read.
CREATE TABLE silo_list (cluster text PRIMARY KEY, version int NOT NULL);

CREATE TABLE silo (
    cluster text NOT NULL REFERENCES silo_list ON DELETE CASCADE,
    address text NOT NULL,
    port int NOT NULL,
    generation int NOT NULL,
    name text NOT NULL,
    host text NOT NULL,
    status int NOT NULL,
    gateway int,
    suspicions text,
    started timestamptz(3) NOT NULL,
    alive timestamptz(3) NOT NULL,
    PRIMARY KEY (cluster, address, port, generation));

CREATE TABLE grain_state (
    service text NOT NULL,
    type_hash int NOT NULL,
    id_hash int NOT NULL,
    id_0 bigint NOT NULL,
    id_1 bigint NOT NULL,
    type text NOT NULL,
    id_text text NOT NULL,
    version int NOT NULL,
    payload bytea,
    PRIMARY KEY (service, type_hash, id_hash, id_0, id_1, type, id_text));

CREATE VIEW silos_of AS
    SELECT list.cluster, list.version, silo.address, silo.port, silo.generation, silo.name AS siloname, silo.host AS hostname,
        silo.status, silo.gateway AS proxyport, silo.suspicions AS suspecttimes, silo.started AS starttime, silo.alive AS iamalivetime
    FROM silo_list list LEFT JOIN silo USING (cluster);

INSERT INTO OrleansQuery VALUES
('GatewaysQueryKey', $$
    SELECT address, gateway AS proxyport, generation FROM silo WHERE cluster = @DeploymentId AND status = @Status AND gateway > 0 $$),

('MembershipReadAllKey', $$ SELECT * FROM silos_of WHERE cluster = @DeploymentId $$),

-- The version also when there is no such silo.
('MembershipReadRowKey', $$
    SELECT list.version, one.* FROM silo_list list
    LEFT JOIN (SELECT cluster, address, port, generation, siloname, hostname, status, proxyport, suspecttimes, starttime, iamalivetime FROM silos_of) one
        ON one.cluster = list.cluster AND one.address = @Address AND one.port = @Port AND one.generation = @Generation
    WHERE list.cluster = @DeploymentId $$),

('InsertMembershipVersionKey', $$
    WITH begun AS (INSERT INTO silo_list VALUES (@DeploymentId, 0) ON CONFLICT DO NOTHING RETURNING 1)
    SELECT count(*) FROM begun $$),

('InsertMembershipKey', $$
    WITH allowed AS (
        UPDATE silo_list SET version = version + 1 WHERE cluster = @DeploymentId AND version = @Version
            AND NOT EXISTS (SELECT FROM silo WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
        RETURNING cluster),
    added AS (
        INSERT INTO silo (cluster, address, port, generation, name, host, status, gateway, started, alive)
        SELECT cluster, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime FROM allowed
        RETURNING 1)
    SELECT count(*) FROM added $$),

('UpdateMembershipKey', $$
    WITH allowed AS (UPDATE silo_list SET version = version + 1 WHERE cluster = @DeploymentId AND version = @Version RETURNING cluster),
    changed AS (
        UPDATE silo SET status = @Status, suspicions = @SuspectTimes, alive = @IAmAliveTime FROM allowed
        WHERE silo.cluster = allowed.cluster AND address = @Address AND port = @Port AND generation = @Generation
        RETURNING 1)
    SELECT count(*) FROM changed $$),

-- A sign of life changes nothing others act upon: no new version.
('UpdateIAmAlivetimeKey', $$
    UPDATE silo SET alive = @IAmAliveTime WHERE cluster = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation $$),

('DeleteMembershipTableEntriesKey', $$ DELETE FROM silo_list WHERE cluster = @DeploymentId $$),

-- 6: dead.
('CleanupDefunctSiloEntriesKey', $$
    DELETE FROM silo WHERE cluster = @DeploymentId AND status = 6 AND greatest(alive, started) < @IAmAliveTime $$),

('ReadFromStorageKey', $$
    SELECT payload AS payloadbinary, version FROM grain_state
    WHERE service = @ServiceId AND type_hash = @GrainTypeHash AND id_hash = @GrainIdHash AND id_0 = @GrainIdN0 AND id_1 = @GrainIdN1
        AND type = @GrainTypeString AND id_text = coalesce(@GrainIdExtensionString, '') $$),

-- The first write names no version, each later one the version it changes; no row says that somebody else was faster.
('WriteToStorageKey', $$
    WITH added AS (
        INSERT INTO grain_state
        SELECT @ServiceId, @GrainTypeHash, @GrainIdHash, @GrainIdN0, @GrainIdN1, @GrainTypeString, coalesce(@GrainIdExtensionString, ''), 1, @PayloadBinary
        WHERE @GrainStateVersion::int IS NULL
        ON CONFLICT DO NOTHING
        RETURNING version),
    changed AS (
        UPDATE grain_state SET version = version + 1, payload = @PayloadBinary
        WHERE service = @ServiceId AND type_hash = @GrainTypeHash AND id_hash = @GrainIdHash AND id_0 = @GrainIdN0 AND id_1 = @GrainIdN1
            AND type = @GrainTypeString AND id_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion::int
        RETURNING version)
    SELECT version AS newgrainstateversion FROM added UNION ALL SELECT version FROM changed $$),

('ClearStorageKey', $$
    UPDATE grain_state SET version = version + 1, payload = NULL
    WHERE service = @ServiceId AND type_hash = @GrainTypeHash AND id_hash = @GrainIdHash AND id_0 = @GrainIdN0 AND id_1 = @GrainIdN1
        AND type = @GrainTypeString AND id_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion::int
    RETURNING version AS newgrainstateversion $$),

('DeleteStorageKey', $$
    DELETE FROM grain_state
    WHERE service = @ServiceId AND type_hash = @GrainTypeHash AND id_hash = @GrainIdHash AND id_0 = @GrainIdN0 AND id_1 = @GrainIdN1
        AND type = @GrainTypeString AND id_text = coalesce(@GrainIdExtensionString, '') AND version = @GrainStateVersion::int
    RETURNING version + 1 AS newgrainstateversion $$);
