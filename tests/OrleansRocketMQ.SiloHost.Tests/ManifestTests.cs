using k8s.Models;
using Microsoft.Extensions.Configuration;
using Orleans.Configuration;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.SiloHost.Hosting;
using OrleansRocketMQ.SiloHost.Support;

namespace OrleansRocketMQ.SiloHost;

/// <summary>The manifests against what the program does: they are read with the types of Kubernetes' own client.</summary>
public sealed class ManifestTests
{
    private const string SiloPort = "silo";
    private const string GatewayPort = "gateway";
    private const string HealthPort = "health";

    private readonly Manifests _manifests = new();
    private readonly V1PodTemplateSpec _pod;
    private readonly V1Container _silo;
    private readonly IConfiguration _settings;

    public ManifestTests()
    {
        _pod = _manifests.Silos.Spec.Template;
        _silo = _manifests.Silo;
        _settings = Manifests.Settings(_silo);
    }

    [Fact]
    public void Ports_are_those_the_program_listens_on()
    {
        Assert.Equal(_settings.GetValue("Orleans:Endpoints:SiloPort", EndpointOptions.DEFAULT_SILO_PORT), PortOf(SiloPort));
        Assert.Equal(_settings.GetValue("Orleans:Endpoints:GatewayPort", EndpointOptions.DEFAULT_GATEWAY_PORT), PortOf(GatewayPort));
        Assert.Equal(new Uri(_settings["Urls"]!).Port, PortOf(HealthPort));
        Assert.All(_manifests.The<V1Service>().Spec.Ports, port => Assert.Equal(PortOf(port.Name), port.Port));
    }

    [Fact]
    public void Probes_ask_the_programs_own_paths_and_give_it_time_to_answer()
    {
        Assert.Equal((HealthPaths.Live, HealthPort), Asked(_silo.StartupProbe));
        Assert.Equal((HealthPaths.Live, HealthPort), Asked(_silo.LivenessProbe));
        Assert.Equal((HealthPaths.Ready, HealthPort), Asked(_silo.ReadinessProbe));

        // Kubernetes' default, a second, is short for a machine that is busy with a start.
        Assert.All([_silo.StartupProbe, _silo.LivenessProbe, _silo.ReadinessProbe], probe => Assert.True(probe.TimeoutSeconds > 1));

        static (string Path, string Port) Asked(V1Probe probe) => (probe.HttpGet.Path, probe.HttpGet.Port.Value);
    }

    [Fact]
    public void A_stop_has_the_time_the_program_may_take()
    {
        StopTimes.Check(_settings);
        var listeners = _settings.GetValue($"{RocketMQOptions.SectionName}:{nameof(RocketMQOptions.ShutdownTimeout)}", new RocketMQOptions().ShutdownTimeout);
        var host = StopTimes.OfHost(_settings);
        var beforeIt = TimeSpan.FromSeconds(_silo.Lifecycle?.PreStop?.Sleep?.Seconds ?? 0);
        var all = TimeSpan.FromSeconds(_pod.Spec.TerminationGracePeriodSeconds!.Value);

        // As docs/operations.md has it.
        Assert.True(listeners + TimeSpan.FromSeconds(10) < host, $"{listeners} for listeners, {host} for the host");
        Assert.True(beforeIt + host < all, $"{host} for the host, {all} for the pod");
    }

    [Fact]
    public void Only_silos_reach_silos_and_only_those_who_may_reach_gateways()
    {
        var policy = _manifests.The<V1NetworkPolicy>().Spec;
        AssertSelects(policy.PodSelector);
        Assert.Equal(["Ingress"], policy.PolicyTypes);
        Assert.All(policy.Ingress, rule => Assert.NotEmpty(rule.FromProperty));
        Assert.All(policy.Ingress.SelectMany(rule => rule.Ports), port => PortOf(port.Port.Value));
        AssertSelects(Assert.Single(Assert.Single(policy.Ingress, rule => rule.Ports.Any(port => port.Port.Value == SiloPort)).FromProperty).PodSelector);
        Assert.All(
            policy.Ingress.Where(rule => rule.Ports.Any(port => port.Port.Value == GatewayPort)).SelectMany(rule => rule.FromProperty),
            peer => Assert.NotEmpty(peer.PodSelector.MatchLabels));
    }

    [Fact]
    public void Everything_that_names_silos_by_their_labels_means_these()
    {
        AssertSelects(_manifests.Silos.Spec.Selector);
        AssertSelects(_manifests.The<V1PodDisruptionBudget>().Spec.Selector);
        AssertSelects(new V1LabelSelector { MatchLabels = _manifests.The<V1Service>().Spec.Selector });
        Assert.All(_pod.Spec.TopologySpreadConstraints, spread => AssertSelects(spread.LabelSelector));
        Assert.Contains(_pod.Spec.TopologySpreadConstraints, spread => spread.TopologyKey == "kubernetes.io/hostname");
        Assert.Equal(_manifests.The<V1Service>().Metadata.Name, _manifests.Silos.Spec.ServiceName);

        // A check is no silo, to none of these.
        Assert.DoesNotContain(_manifests.Check.Spec.Template.Metadata.Labels, label => _pod.Metadata.Labels.Contains(label));
    }

    [Fact]
    public void Rights_are_those_Kubernetes_hosting_uses_and_no_others()
    {
        var rule = Assert.Single(_manifests.The<V1Role>().Rules);
        Assert.Equal(["pods"], rule.Resources);
        Assert.Equal(["get", "list", "patch", "watch"], rule.Verbs.Order());
        var account = _manifests.The<V1ServiceAccount>().Metadata.Name;
        Assert.Equal(account, Assert.Single(_manifests.The<V1RoleBinding>().Subjects).Name);
        Assert.Equal(_manifests.The<V1Role>().Metadata.Name, _manifests.The<V1RoleBinding>().RoleRef.Name);
        Assert.All([_pod.Spec.ServiceAccountName, _manifests.Check.Spec.Template.Spec.ServiceAccountName], name => Assert.Equal(account, name));
    }

    [Fact]
    public void The_check_checks_what_the_silos_get()
    {
        var check = Assert.Single(_manifests.Check.Spec.Template.Spec.Containers);

        Assert.Equal(["--check"], check.Args);
        Assert.Equal(_silo.Image, check.Image);
        Assert.Equal(_silo.Env.Select(Told), check.Env.Select(Told));

        // The silos have it from their labels, of which a check has none.
        string Told(V1EnvVar variable) => $"{variable.Name}="
            + (variable.Value ?? variable.ValueFrom.SecretKeyRef?.Key ?? LabelOf(variable.ValueFrom.FieldRef.FieldPath) ?? variable.ValueFrom.FieldRef.FieldPath);

        string? LabelOf(string path) => path.StartsWith("metadata.labels['", StringComparison.Ordinal) ? _pod.Metadata.Labels[path[17..^2]] : null;
    }

    [Fact]
    public void Variables_are_settings_that_are_documented_or_what_Kubernetes_hosting_reads()
    {
        string[] hosting = ["POD_NAME", "POD_NAMESPACE", "POD_IP", "ORLEANS_SERVICE_ID", "ORLEANS_CLUSTER_ID"];
        var documented = File.ReadAllText(Path.Combine(RunningProgram.PathOf("repository"), "docs", "configuration.md"));
        foreach (var key in _silo.Env.Select(variable => variable.Name).Except(hosting).Select(Manifests.KeyOf))
        {
            Assert.True(
                key.StartsWith("Orleans:Clustering:", StringComparison.Ordinal) || key.StartsWith("Orleans:GrainStorage:", StringComparison.Ordinal)
                    || documented.Contains($"`{key.Replace($"{RocketMQOptions.SectionName}:", string.Empty, StringComparison.Ordinal)}`", StringComparison.Ordinal),
                $"{key} is no setting");
        }

        Assert.All(hosting, name => Assert.Contains(_silo.Env, variable => variable.Name == name));
    }

    [Fact]
    public void An_image_has_a_tag_of_its_own_and_may_write_nowhere()
    {
        var tag = _silo.Image[(_silo.Image.LastIndexOf(':') + 1)..];
        Assert.False(tag.Contains('/', StringComparison.Ordinal) || tag == "latest", _silo.Image);
        foreach (var container in (V1Container[])[_silo, Assert.Single(_manifests.Check.Spec.Template.Spec.Containers)])
        {
            Assert.True(container.SecurityContext.ReadOnlyRootFilesystem);
            Assert.False(container.SecurityContext.AllowPrivilegeEscalation);
            Assert.Equal(["ALL"], container.SecurityContext.Capabilities.Drop);
        }
    }

    private int PortOf(string name) => Assert.Single(_silo.Ports, port => string.Equals(port.Name, name, StringComparison.Ordinal)).ContainerPort;

    private void AssertSelects(V1LabelSelector selector)
    {
        Assert.NotEmpty(selector.MatchLabels);
        Assert.All(selector.MatchLabels, label => Assert.Equal(label.Value, _pod.Metadata.Labels[label.Key]));
    }
}
