using System.Diagnostics.CodeAnalysis;

namespace OrleansRocketMQ.Filters;

/// <summary>A class of filters, as it was registered.</summary>
/// <param name="isPerMessage">Whether it wants each message in a call of its own.</param>
internal abstract class ConsumeFilterClass(bool isPerMessage)
{
    /// <summary>The class.</summary>
    public abstract Type Type { get; }

    public bool IsPerMessage => isPerMessage;

    /// <summary>Why none can be made; null when nothing speaks against it.</summary>
    public abstract MissingService? Missing(IServiceProvider services);

    /// <summary>The filter for one call.</summary>
    /// <param name="services">The call's scope.</param>
    public abstract FromContainer<IConsumeFilter> Make(IServiceProvider services);
}

/// <inheritdoc cref="ConsumeFilterClass"/>
internal sealed class ConsumeFilterClass<[DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] TFilter>(
    bool isPerMessage)
    : ConsumeFilterClass(isPerMessage)
    where TFilter : class, IConsumeFilter
{
    public override Type Type => typeof(TFilter);

    public override MissingService? Missing(IServiceProvider services) => FromContainer<TFilter>.Missing(services);

    public override FromContainer<IConsumeFilter> Make(IServiceProvider services)
    {
        var made = FromContainer<TFilter>.Get(services);
        return new(made.Value, made.IsOurs);
    }
}
