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
