using OrleansRocketMQ.Dashboard;

namespace OrleansRocketMQ.SiloHost.Hosting;

/// <summary>The section <c>Dashboard</c>: who may see the dashboard and who may act with it, and what it shows.</summary>
internal sealed class DashboardSettings
{
    public const string Section = "Dashboard";

    private const int ShortestSecret = 16;
    private const int LongestSecret = 256;
    private const string SeePolicy = "OrleansRocketMQ.Dashboard.See";
    private const string ActPolicy = "OrleansRocketMQ.Dashboard.Act";

    private DashboardSettings(IConfigurationSection section)
    {
        foreach (var setting in section.GetChildren().Where(setting => !s_names.Contains(setting.Key, StringComparer.OrdinalIgnoreCase)))
        {
            throw new RocketMQConfigurationException(
                setting.Path, "(not shown)", $"no such setting, but one of {string.Join(", ", s_names)}");
        }

        (ViewSecret, ActSecret) = (Secret(section, nameof(ViewSecret)), Secret(section, nameof(ActSecret)));
        if (ViewSecret is not null && ViewSecret == ActSecret)
        {
            throw new RocketMQConfigurationException(
                $"{Section}:{nameof(ViewSecret)}",
                "(not shown)",
                $"another secret than {nameof(ActSecret)}, which allows to see, too");
        }

        Options = new RocketMQDashboardOptions
        {
            ViewPolicy = HasSecret ? SeePolicy : null,
            ActionPolicy = ActSecret is not null ? ActPolicy : null,
            ShowBodies = section.GetValue<bool?>(nameof(RocketMQDashboardOptions.ShowBodies)),
            MaxBodyBytes = section.GetValue(nameof(RocketMQDashboardOptions.MaxBodyBytes), new RocketMQDashboardOptions().MaxBodyBytes),
            RefreshInterval = section.GetValue(
                nameof(RocketMQDashboardOptions.RefreshInterval), new RocketMQDashboardOptions().RefreshInterval),
            RequireHttps = section.GetValue(nameof(RocketMQDashboardOptions.RequireHttps), new RocketMQDashboardOptions().RequireHttps),
        };
    }

    private static readonly string[] s_names =
    [
        nameof(ViewSecret),
        nameof(ActSecret),
        nameof(RocketMQDashboardOptions.ShowBodies),
        nameof(RocketMQDashboardOptions.MaxBodyBytes),
        nameof(RocketMQDashboardOptions.RefreshInterval),
        nameof(RocketMQDashboardOptions.RequireHttps),
    ];

    /// <summary>Who has it may see.</summary>
    public string? ViewSecret { get; }

    /// <summary>Who has it may see and act.</summary>
    public string? ActSecret { get; }

    private bool HasSecret => ViewSecret is not null || ActSecret is not null;

    private RocketMQDashboardOptions Options { get; }

    /// <exception cref="RocketMQConfigurationException">A setting is wrong; secrets are not shown.</exception>
    public static DashboardSettings Read(IConfiguration configuration)
    {
        var settings = new DashboardSettings(configuration.GetSection(Section));

        // Looked at by the dashboard itself; what it finds wrong is told by the name of the setting here.
        try
        {
            new ServiceCollection().AddRocketMQDashboard(settings.ApplyTo);
            settings.Options.CheckAddresses(HealthUrls.Parse(configuration).Select(url => url.Text));
        }
        catch (RocketMQConfigurationException exception)
        {
            throw new RocketMQConfigurationException($"{Section}:{exception.Field}", exception.Value, exception.Expected);
        }

        return settings;
    }

    public void AddTo(IServiceCollection services)
    {
        services.AddRocketMQDashboard(ApplyTo);
        if (HasSecret)
        {
            services.AddSingleton(new SharedSecrets(ViewSecret, ActSecret));
            services.AddAuthentication(SharedSecretHandler.Scheme)
                .AddScheme<Microsoft.AspNetCore.Authentication.AuthenticationSchemeOptions, SharedSecretHandler>(
                    SharedSecretHandler.Scheme, null);
            services.AddAuthorizationBuilder()
                .AddPolicy(SeePolicy, policy => policy
                    .AddAuthenticationSchemes(SharedSecretHandler.Scheme)
                    .RequireClaim(SharedSecretHandler.MaySee))
                .AddPolicy(ActPolicy, policy => policy
                    .AddAuthenticationSchemes(SharedSecretHandler.Scheme)
                    .RequireClaim(SharedSecretHandler.MayAct));
        }
    }

    private static string? Secret(IConfigurationSection section, string name) => section[name] switch
    {
        null or "" => null,
        { Length: >= ShortestSecret and <= LongestSecret } secret => secret,
        _ => throw new RocketMQConfigurationException(
            $"{Section}:{name}", "(not shown)", $"a secret of {ShortestSecret} to {LongestSecret} characters"),
    };

    private void ApplyTo(RocketMQDashboardOptions options)
    {
        (options.ViewPolicy, options.ActionPolicy) = (Options.ViewPolicy, Options.ActionPolicy);
        (options.ShowBodies, options.MaxBodyBytes) = (Options.ShowBodies, Options.MaxBodyBytes);
        (options.RefreshInterval, options.RequireHttps) = (Options.RefreshInterval, Options.RequireHttps);
    }
}
