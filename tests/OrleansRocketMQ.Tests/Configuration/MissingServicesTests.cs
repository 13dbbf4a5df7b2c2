using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Effects;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Configuration;

/// <summary>A silo whose handlers or filters cannot be made does not start: all their messages would end as dead letters.</summary>
public sealed class MissingServicesTests
{
    [Fact]
    public void A_handler_that_wants_what_is_not_registered_is_refused_by_name_and_what_it_wants()
    {
        var error = Refused(builder => builder.AddConsumer("billing", consumer => consumer.Handle<Order, Charging>("orders")));

        Assert.Equal("Handler of group 'billing'", error.Field);
        Assert.Contains(nameof(Charging), error.Message, StringComparison.Ordinal);
        Assert.Contains($"{typeof(IBank)} for its bank", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void So_is_a_filter_of_the_group_or_of_all(bool ofAll)
    {
        var error = Refused(builder =>
        {
            builder.AddConsumer("billing", consumer =>
            {
                consumer.Handle<Order>("orders", static (_, _, _) => Task.CompletedTask);
                if (!ofAll)
                {
                    consumer.AddFilter<Ledger>();
                }
            });
            if (ofAll)
            {
                builder.AddConsumeFilter<Ledger>();
            }
        });

        Assert.Equal("Filter of group 'billing'", error.Field);
        Assert.Contains($"{typeof(IBank)}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void So_is_one_that_nobody_can_make()
    {
        Assert.Contains(nameof(Unmakable), Refused(
            builder => builder.AddConsumer("billing", consumer => consumer.Handle<Order, Unmakable>("orders"))).Message, StringComparison.Ordinal);
        Assert.Contains(nameof(Hidden), Refused(
            builder => builder.AddConsumer("billing", consumer => consumer.Handle<Order, Hidden>("orders"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_is_registered_optional_keyed_or_made_by_a_factory_is_taken_as_it_is()
        => Check(builder =>
        {
            builder.Services.AddScoped<IBank, Bank>();
            builder.Services.AddKeyedSingleton<string>("currency", "EUR");
            builder.Services.AddTransient<Unmakable>(static _ => new Made());
            builder.AddConsumeFilter<Ledger>();
            builder.AddConsumer("billing", consumer => consumer
                .Handle<Order, Charging>("orders")
                .Handle<Order, Optional>("refunds")
                .Handle<Order, Unmakable>("others")
                .Handle<Order, TwoWays>("more"));
        });

    [Fact]
    public void A_state_grain_needs_a_storage_for_its_state()
    {
        var error = Refused(builder => builder.AddConsumer<Cashier>("tills", consumer => consumer.Subscribe("payments")));
        Assert.Equal("Listener of group 'tills'", error.Field);
        Assert.Contains("no grain storage 'Default'", error.Message, StringComparison.Ordinal);

        Check(builder =>
        {
            new JsonStorage().Keep(builder);
            builder.AddConsumer<Cashier>("tills", consumer => consumer.Subscribe("payments"));
        });
    }

    [Fact]
    public void A_state_grain_is_not_content_with_the_memory_that_stands_in_for_the_storage_of_the_library()
    {
        var error = Refused(builder => builder.AddConsumer<LibraryTill>("tills", consumer => consumer.Subscribe("payments")));
        Assert.Contains("no grain storage 'RocketMQ'", error.Message, StringComparison.Ordinal);

        Check(builder =>
        {
            builder.UseFileStorage();
            builder.AddConsumer<LibraryTill>("tills", consumer => consumer.Subscribe("payments"));
        });
        Check(builder =>
        {
            new JsonStorage().Keep(builder);
            builder.AddConsumer<LibraryTill>("tills", consumer => consumer.Subscribe("payments"));
        });
    }

    private static RocketMQConfigurationException Refused(Action<RocketMQBuilder> configure)
        => Assert.Throws<RocketMQConfigurationException>(() => Check(configure));

    private static void Check(Action<RocketMQBuilder> configure)
    {
        using var host = BuiltSilo.Build(configure);
        host.Services.GetServices<IConfigurationValidator>().OfType<MissingServicesCheck>().Single().ValidateConfiguration();
    }

    private interface IBank;

    private sealed class Bank : IBank;

    private sealed record Order(int Number);

    private abstract class Handler : IMessageHandler<Order>
    {
        public Task HandleAsync(Message<Order> message, MessageContext context, CancellationToken cancellationToken) => Task.CompletedTask;
    }

    private sealed class Charging(ILogger<Charging> logger, IServiceProvider services, IBank bank) : Handler
    {
        public override string ToString() => $"{logger} {services} {bank}";
    }

    private sealed class Optional([FromKeyedServices("currency")] string currency, IBank bank, int attempts = 3) : Handler
    {
        public override string ToString() => $"{currency} {bank} {attempts}";
    }

    private sealed class TwoWays : Handler
    {
        public TwoWays()
        {
        }

        [ActivatorUtilitiesConstructor]
        public TwoWays(IBank bank) => GC.KeepAlive(bank);
    }

    private abstract class Unmakable : Handler;

    private sealed class Made : Unmakable;

    private sealed class Hidden : Handler
    {
        private Hidden()
        {
        }
    }

    private sealed class Ledger(IBank bank) : IConsumeFilter
    {
        public Task InvokeAsync(ConsumeCall call, Func<Task> next, CancellationToken cancellationToken)
        {
            GC.KeepAlive(bank);
            return next();
        }
    }
}
