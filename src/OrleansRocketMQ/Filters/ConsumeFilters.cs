using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;

namespace OrleansRocketMQ.Filters;

/// <summary>The filters of this silo's groups. Thread-safe.</summary>
internal sealed class ConsumeFilters
{
    private readonly ConsumePipeline? _ofAll;
    private readonly Dictionary<string, ConsumePipeline>? _ofGroups;

    /// <param name="ofAll">Those for all groups.</param>
    /// <param name="groups">The groups, some with filters of their own.</param>
    /// <param name="scopes">Makes the scopes of calls.</param>
    public ConsumeFilters(IEnumerable<ConsumeFilterClass> ofAll, IEnumerable<ConsumerOptions> groups, IServiceScopeFactory scopes)
    {
        ConsumeFilterClass[] first = [.. ofAll];
        _ofAll = first.Length > 0 ? new(first, scopes) : null;
        foreach (var options in groups)
        {
            if (options.Filters is List<ConsumeFilterClass> own)
            {
                (_ofGroups ??= new(StringComparer.Ordinal))[options.Group] = new([.. first, .. own], scopes);
            }
        }
    }

    /// <summary>Those around the calls of a group's listener; null when there are none.</summary>
    public ConsumePipeline? Of(string group) => _ofGroups is null ? _ofAll : _ofGroups.GetValueOrDefault(group, _ofAll!);
}
