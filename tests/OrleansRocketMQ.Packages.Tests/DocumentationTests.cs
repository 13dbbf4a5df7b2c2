namespace OrleansRocketMQ.Packages.Tests;

/// <summary>What others can use is documented, in words: an empty summary is enough for the compiler's CS1591.</summary>
public sealed class DocumentationTests
{
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
