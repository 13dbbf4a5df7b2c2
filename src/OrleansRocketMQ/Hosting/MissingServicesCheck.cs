using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Dispatch;
using OrleansRocketMQ.Filters;
using OrleansRocketMQ.Outboxes;
using OrleansRocketMQ.Storage;

namespace OrleansRocketMQ.Hosting;

/// <summary>
/// Refuses a silo whose handlers, filters or state grains cannot be made since a service or a grain storage is missing: each message
/// would fail on them. A container that does not say what it has (<c>IServiceProviderIsService</c>) is believed.
/// </summary>
internal sealed class MissingServicesCheck(
    ConsumerSet consumers, ConsumeFilters filters, ListenerClasses listeners, IServiceProvider services) : IConfigurationValidator
{
    /// <exception cref="RocketMQConfigurationException">One cannot be made; the error names it and what is missing.</exception>
    public void ValidateConfiguration()
    {
        foreach (var consumer in consumers.All)
        {
            foreach (var route in (consumer.Typed as TypedDeclaration)?.Routes ?? [])
            {
                Check(consumer.Group, "Handler", route.Reader.Missing(services));
            }

            foreach (var missing in filters.Of(consumer.Group)?.Missing(services) ?? [])
            {
                Check(consumer.Group, "Filter", missing);
            }

            Check(consumer.Group, "Listener", MissingStorageOf(consumer));
        }
    }

    private static void Check(string group, string what, MissingService? missing)
    {
        if (missing is not null)
        {
            throw new RocketMQConfigurationException($"{what} of group '{group}'", missing.Of.Name, missing.Wanted);
        }
    }

    /// <summary>
    /// Grains whose state follows from messages cannot be made without a storage for it; and the memory that stands in for one that keeps
    /// what can be lost would lose their effects with the silo.
    /// </summary>
    private MissingService? MissingStorageOf(ConsumerOptions consumer)
    {
        if (consumer.Listener is null
            || listeners.ClassOf(consumer.Group, consumer.Listener) is not { } grain
            || !OutboxPlace.Has(grain)
            || services.GetService<IServiceProviderIsKeyedService>() is not { } known)
        {
            return null;
        }

        var storage = OutboxPlace.StorageOf(grain);
        var isThere = known.IsKeyedService(typeof(IGrainStorage), storage) || known.IsService(typeof(IGrainStorage));
        return isThere && !(storage == StateStorage.ProviderName && StateStorage.IsStandIn(services))
            ? null
            : new(
                grain,
                $"a class whose state can be stored: no grain storage '{storage}' is registered (AddMemoryGrainStorage and the like)");
    }
}
