using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection;

namespace OrleansRocketMQ.Filters;

/// <summary>
/// An object of the user's class for one call: the container's where the class is registered, else made with its services.
/// </summary>
/// <param name="Value">The object.</param>
/// <param name="IsOurs">Whether it was made here: the container disposes of what it made itself, and of nothing else.</param>
internal readonly record struct FromContainer<
    [DynamicallyAccessedMembers(DynamicallyAccessedMemberTypes.PublicConstructors)] T>(T Value, bool IsOurs) : IAsyncDisposable
    where T : class
{
    private static readonly Lazy<ObjectFactory<T>> Make = new(() => ActivatorUtilities.CreateFactory<T>([]));

    /// <summary>One from a scope.</summary>
    public static FromContainer<T> Get(IServiceProvider services)
        => services.GetService<T>() is { } registered ? new(registered, IsOurs: false) : new(Make.Value(services, []), IsOurs: true);

    /// <summary>Why none can be made; null when nothing speaks against it.</summary>
    public static MissingService? Missing(IServiceProvider services)
    {
        if (services.GetService<IServiceProviderIsService>() is not { } known || known.IsService(typeof(T)))
        {
            return null;
        }

        var constructors = typeof(T).GetConstructors();
        if (typeof(T).IsAbstract || constructors.Length == 0)
        {
            return new(typeof(T), "a class with a public constructor, or one that is registered as a service");
        }

        var chosen = constructors is [var only]
            ? only
            : constructors.FirstOrDefault(
                static constructor => constructor.IsDefined(typeof(ActivatorUtilitiesConstructorAttribute), false));
        var missing = chosen?.GetParameters().FirstOrDefault(parameter => !parameter.HasDefaultValue
            && !parameter.IsDefined(typeof(FromKeyedServicesAttribute), false)
            && !known.IsService(parameter.ParameterType));
        return missing is null
            ? null
            : new(
                typeof(T),
                $"a class whose services are registered: nobody has registered {missing.ParameterType} for its {missing.Name}");
    }

    public ValueTask DisposeAsync()
    {
        if (IsOurs && Value is IAsyncDisposable asynchronous)
        {
            return asynchronous.DisposeAsync();
        }

        if (IsOurs)
        {
            (Value as IDisposable)?.Dispose();
        }

        return ValueTask.CompletedTask;
    }
}

/// <summary>A class of the user's of which none can be made.</summary>
/// <param name="Of">The class.</param>
/// <param name="Wanted">What it would have to be.</param>
internal sealed record MissingService(Type Of, string Wanted);
