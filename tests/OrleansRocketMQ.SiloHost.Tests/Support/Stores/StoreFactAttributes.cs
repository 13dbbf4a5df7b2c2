namespace OrleansRocketMQ.SiloHost.Support.Stores;

/// <summary>A test over a PostgreSQL of its own; skipped, in a line, where the machine has no server.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresFactAttribute : FactAttribute
{
    public PostgresFactAttribute() => Skip = Binaries.PostgresFolder is null ? "This machine has no PostgreSQL (initdb and postgres)." : null;
}

/// <summary>A test over a Redis of its own; skipped, in a line, where the machine has no server.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RedisFactAttribute : FactAttribute
{
    public RedisFactAttribute() => Skip = Binaries.Redis is null ? "This machine has no redis-server." : null;
}
