namespace OrleansRocketMQ.Security;

/// <summary>
/// An account in a file, in the form of RocketMQ's own <c>tools.yml</c>: a line each for <c>accessKey</c>, <c>secretKey</c> and,
/// when there is one, <c>securityToken</c>.
/// </summary>
internal static class CredentialsFile
{
    private const string Expected = "a readable file with the lines 'accessKey: ...' and 'secretKey: ...'";

    /// <exception cref="RocketMQConfigurationException">It cannot be read, or a key is missing; what is in it is not shown.</exception>
    public static AclCredentials Read(string file)
    {
        string[] lines;
        try
        {
            lines = File.ReadAllLines(file);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw Bad(file, $"{Expected} ({exception.Message})");
        }

        var accessKey = ValueOf(lines, "accessKey");
        var secretKey = ValueOf(lines, "secretKey");
        return accessKey is null || secretKey is null
            ? throw Bad(file, Expected)
            : new AclCredentials(accessKey, secretKey, ValueOf(lines, "securityToken"));
    }

    private static string? ValueOf(string[] lines, string key)
    {
        foreach (var line in lines)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon >= 0 && line.AsSpan(0, colon).Trim().SequenceEqual(key))
            {
                var value = line.AsSpan(colon + 1).Trim();
                value = value.Length >= 2 && value[0] is '"' or '\'' && value[^1] == value[0] ? value[1..^1] : value;
                return value.IsWhiteSpace() ? null : value.ToString();
            }
        }

        return null;
    }

    private static RocketMQConfigurationException Bad(string file, string expected)
        => new(nameof(CredentialsFile), file, expected);
}
