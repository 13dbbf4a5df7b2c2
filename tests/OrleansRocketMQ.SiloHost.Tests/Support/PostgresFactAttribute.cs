namespace OrleansRocketMQ.SiloHost.Support;

/// <summary>
/// A test that needs PostgreSQL with the tables of Orleans (docs/operations.md tells how), named by the environment, and
/// the program <c>silo-host/Providers/AdoNet</c>, built before. Skipped otherwise.
/// </summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresFactAttribute : FactAttribute
{
    private const string Variable = "ROCKETMQ_TEST_POSTGRES";

    public PostgresFactAttribute()
    {
        if (ConnectionString.Length == 0)
        {
            Skip = $"{Variable} names no PostgreSQL";
        }
    }

    public static string ConnectionString => Environment.GetEnvironmentVariable(Variable) ?? string.Empty;
}
