using Orleans.Runtime;

namespace OrleansRocketMQ.Queues;

/// <summary>
/// The settings of a group that go along with a call of a queue's grain, so that its silo cannot know less than who calls. Beside
/// the arguments: silos of v0.2, which know nothing of seeks, take the call as ever.
/// </summary>
internal static class CarriedSettings
{
    private const string Key = "OrleansRocketMQ.FlowSettings";

    /// <summary>Gives settings to the calls that this method makes from now on; null gives none.</summary>
    public static void Give(FlowSettings? settings)
    {
        if (settings is not null)
        {
            RequestContext.Set(Key, settings);
        }
    }

    /// <summary>Those that came with the call, once: what it calls itself gets none. Null when none came.</summary>
    public static FlowSettings? Take()
    {
        var settings = RequestContext.Get(Key) as FlowSettings;
        RequestContext.Remove(Key);
        return settings;
    }
}
