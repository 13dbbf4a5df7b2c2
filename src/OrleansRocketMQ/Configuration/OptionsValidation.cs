using OrleansRocketMQ.Engine.Options;

namespace OrleansRocketMQ.Configuration;

/// <summary>Refuses settings that cannot work, naming the field, the value and what is allowed.</summary>
internal static class OptionsValidation
{
    public static void Check(RocketMQOptions options)
    {
        const string Section = RocketMQOptions.SectionName;
        Setting.Between(options.PollNameServerInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), Section);
        Setting.Between(options.HeartbeatInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromSeconds(100), Section);
        Setting.Between(options.RequestTimeout, TimeSpan.FromMilliseconds(10), TimeSpan.FromMinutes(5), Section);
        Setting.Between(options.FileReloadInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), Section);
        Setting.Between(options.RebalanceInterval, TimeSpan.FromMilliseconds(10), TimeSpan.FromHours(1), Section);
        Setting.Between(options.MembershipTimeout, TimeSpan.Zero, TimeSpan.FromHours(1), Section);
        Setting.Between(options.WarmUpTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(1), Section);
        Setting.Between(options.ShutdownTimeout, TimeSpan.Zero, TimeSpan.FromMinutes(10), Section);
        Setting.Between(options.MaxDecompressedBodyBytes, 64 * 1024, MessageDecoderOptions.LargestBody, Section);
        Setting.Between(options.MaxFrameLength, 1024 * 1024, 1024 * 1024 * 1024, Section);
        if (options.MaxCachedBytes is { } bytes and < 1024 * 1024)
        {
            throw new RocketMQConfigurationException($"{Section}:{nameof(options.MaxCachedBytes)}", bytes, "1048576 or more, or nothing");
        }
    }

    public static void Check(ConsumerOptions options)
    {
        ConsumerOptionsValidation.CheckNames(options);
        CheckListener(options, ConsumerOptionsValidation.SectionOf(options));
        ConsumerOptionsValidation.Check(options);
    }

    private static void CheckListener(ConsumerOptions options, string section)
    {
        if (options.Listener is null && options.AutoStart)
        {
            throw new RocketMQConfigurationException(
                $"{section}:Listener",
                null,
                $"a grain class or grain interface that implements {nameof(IRocketMQListener)}, or a handler in code (AddConsumer with "
                + "Handle); the group's name may be misspelt, here or there");
        }

        if (options.Listener is not null && !typeof(IRocketMQListener).IsAssignableFrom(options.Listener))
        {
            throw new RocketMQConfigurationException(
                $"{section}:Listener", options.Listener, $"a type that implements {nameof(IRocketMQListener)}");
        }

        options.Handler?.Check(options);
    }
}
