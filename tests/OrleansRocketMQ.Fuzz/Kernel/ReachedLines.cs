using System.Globalization;
using System.Xml.Linq;

namespace OrleansRocketMQ.Fuzz.Kernel;

/// <summary>
/// Which share of each decoder's lines the kept inputs reach, out of what
/// <c>dotnet test tests/OrleansRocketMQ.Fuzz --collect "XPlat Code Coverage"</c> has written.
/// </summary>
internal static class ReachedLines
{
    /// <param name="targets">Whose decoders.</param>
    /// <param name="file">A file in Cobertura's format.</param>
    /// <returns>A line for each decoder.</returns>
    public static IEnumerable<string> Of(IEnumerable<FuzzTarget> targets, string file)
    {
        // A source may be told of several times, once for each type in it.
        var reached = XDocument.Load(file).Descendants("class")
            .GroupBy(type => Path.GetFileNameWithoutExtension((string)type.Attribute("filename")!))
            .ToDictionary(
                source => source.Key,
                source => source.Descendants("line").GroupBy(line => (int)line.Attribute("number")!).Select(line => line.Any(hit => (long)hit.Attribute("hits")! > 0)).ToList());
        foreach (var target in targets)
        {
            foreach (var decoder in target.Decoders)
            {
                yield return reached.TryGetValue(decoder, out var lines) && lines.Count > 0
                    ? string.Create(CultureInfo.InvariantCulture, $"{target.Name}: {decoder} {100.0 * lines.Count(isReached => isReached) / lines.Count:0.0} % of {lines.Count} lines")
                    : $"{target.Name}: {decoder} is not there";
            }
        }
    }
}
