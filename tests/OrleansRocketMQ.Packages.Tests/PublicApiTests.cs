namespace OrleansRocketMQ.Packages.Tests;

/// <summary>What others can use is written down beside each library, so that a review sees every change of it.</summary>
public sealed class PublicApiTests
{
    private const string UpdateVariable = "UPDATE_PUBLIC_API";

    // Tables of RocketMQ's own names, explained as a whole, and operators that say what they do.
    private static readonly string[] SpeakForThemselves =
    [
        "F:OrleansRocketMQ.MessageProperties.",
        "F:OrleansRocketMQ.Protocol.ConsumerDataValues.",
        "F:OrleansRocketMQ.Protocol.LanguageCode.",
        "F:OrleansRocketMQ.Protocol.RequestCodes.",
        "F:OrleansRocketMQ.Protocol.ResponseCodes.",
        "M:OrleansRocketMQ.MessageQueue.op_",
    ];

    public static TheoryData<string> Projects => Repository.AllProjects;

    [Theory]
    [MemberData(nameof(Projects))]
    public void The_public_interface_is_the_one_written_down(string project)
    {
        var file = Path.Combine(Repository.FolderOf(project), "PublicAPI.txt");
        var actual = PublicApi.Describe(Repository.AssemblyOf(project));
        if (Environment.GetEnvironmentVariable(UpdateVariable) == "1")
        {
            File.WriteAllLines(file, actual);
        }

        var written = File.Exists(file) ? File.ReadAllLines(file) : [];
        string[] changes = [.. written.Except(actual).Select(line => $"- {line}"), .. actual.Except(written).Select(line => $"+ {line}")];

        Assert.True(
            actual.SequenceEqual(written),
            $"""
            The public interface of {project} is not what src/{project}/PublicAPI.txt says:
            {string.Join(Environment.NewLine, changes)}
            If that is meant, write it down, and look at the file's difference before you commit it:
            {UpdateVariable}=1 dotnet test tests/OrleansRocketMQ.Packages.Tests --filter {nameof(PublicApiTests)}
            """);
    }

    [Theory]
    [MemberData(nameof(Projects))]
    public void Every_public_type_and_member_is_documented(string project)
    {
        var documentation = Documentation.Load(Repository.DocumentationOf(project));
        var assembly = Repository.AssemblyOf(project);

        var missing = PublicApi.TypesOf(assembly)
            .SelectMany(type => PublicApi.MembersOf(type).Where(Documentation.IsExpected).Prepend(type))
            .Select(DocumentationId.Of)
            .Where(id => !documentation.HasText(id) && !SpeakForThemselves.Any(table => id.StartsWith(table, StringComparison.Ordinal)))
            .ToArray();

        Assert.True(missing.Length == 0, $"Without a summary in {project}:{Environment.NewLine}{string.Join(Environment.NewLine, missing)}");
    }
}
