using System.Reflection;
using System.Xml.Linq;

namespace OrleansRocketMQ.Packages.Tests;

/// <summary>The documentation of a library, as the compiler wrote it.</summary>
internal sealed class Documentation
{
    private readonly Dictionary<string, XElement> _byId;

    private Documentation(Dictionary<string, XElement> byId) => _byId = byId;

    public static Documentation Load(string file)
        => new(XDocument.Load(file).Descendants("member").ToDictionary(member => member.Attribute("name")!.Value, StringComparer.Ordinal));

    /// <summary>Whether somebody wrote the member. A constructor without parameters may be the compiler's own; nothing tells them apart.</summary>
    public static bool IsExpected(MemberInfo member) => member is not ConstructorInfo constructor || constructor.GetParameters().Length > 0;

    /// <summary>Whether there is a summary, or word that it is the one of what is implemented.</summary>
    public bool HasText(string id) => _byId.TryGetValue(id, out var member)
        && (member.Element("inheritdoc") is not null || !string.IsNullOrWhiteSpace(string.Concat(member.Element("summary")?.DescendantNodes().Select(TextOf) ?? [])));

    private static string TextOf(XNode node) => node switch
    {
        XText text => text.Value,
        XElement element => string.Concat(element.Attributes().Select(attribute => attribute.Value)),
        _ => string.Empty,
    };
}
