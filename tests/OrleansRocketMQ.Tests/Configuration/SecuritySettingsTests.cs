using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Hosting;
using OrleansRocketMQ.Tests.Infrastructure;

namespace OrleansRocketMQ.Tests.Configuration;

public sealed class SecuritySettingsTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private readonly TestFolder _folder = new();

    public void Dispose()
    {
        _certificates.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Settings_of_a_silo_become_those_of_its_connections()
    {
        var authority = _certificates.WriteAuthority(_folder.Path);
        using var silo = BuiltSilo.With(Add, new Dictionary<string, string?>
        {
            ["RocketMQ:AccessKey"] = "access",
            ["RocketMQ:SecretKey"] = "secret",
            ["RocketMQ:SecurityToken"] = "token",
            ["RocketMQ:NamespaceV2"] = "tenant",
            ["RocketMQ:UseTls"] = "true",
            ["RocketMQ:TlsAuthorityFile"] = authority,
            ["RocketMQ:TlsTargetHost"] = "broker",
        });

        var remoting = ClientSettings.RemotingOf(silo.Options);
        Assert.Equal(("access", "secret", "token"), (remoting.Credentials!.AccessKey, remoting.Credentials.SecretKey, remoting.Credentials.SecurityToken));
        Assert.Equal((authority, "broker", false), (remoting.Tls!.AuthorityFile, remoting.Tls.TargetHost, remoting.Tls.DangerouslyTrustAnyCertificate));
        Assert.Equal((null, "tenant"), (remoting.Namespace, remoting.NamespaceV2));
    }

    [Fact]
    public void Without_settings_connections_are_plain_and_unsigned()
    {
        var remoting = ClientSettings.RemotingOf(new RocketMQOptions());

        Assert.Null(remoting.Credentials);
        Assert.Null(remoting.Tls);
    }

    [Theory]
    [InlineData("RocketMQ:SecretKey", "RocketMQ:AccessKey", "a-secret")]
    [InlineData("RocketMQ:SecurityToken", "RocketMQ:AccessKey", "a-secret")]
    [InlineData("RocketMQ:AccessKey", "RocketMQ:SecretKey", "somebody")]
    [InlineData("RocketMQ:Namespace", "RocketMQ:Namespace", "a%b")]
    [InlineData("RocketMQ:NamespaceV2", "RocketMQ:NamespaceV2", "a b")]
    [InlineData("RocketMQ:UnitName", "RocketMQ:UnitName", "a@b")]
    [InlineData("RocketMQ:TlsTargetHost", "RocketMQ:UseTls", "broker")]
    [InlineData("RocketMQ:TlsClientKeyPassword", "RocketMQ:UseTls", "a-secret")]
    public void A_setting_that_lacks_another_or_is_not_allowed_is_named_and_secrets_are_not_shown(string setting, string field, string value)
    {
        var error = Assert.Throws<RocketMQConfigurationException>(() => BuiltSilo.With(Add, new Dictionary<string, string?> { [setting] = value }));

        Assert.Equal(field, error.Field);
        Assert.DoesNotContain("a-secret", error.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Two_namespaces_at_once_and_files_that_are_not_there_are_refused()
    {
        Assert.Equal("RocketMQ:NamespaceV2", Refused(("RocketMQ:Namespace", "a"), ("RocketMQ:NamespaceV2", "b")).Field);
        Assert.Equal("Tls.AuthorityFile", Refused(("RocketMQ:UseTls", "true"), ("RocketMQ:TlsAuthorityFile", "nowhere.pem")).Field);
    }

    private static RocketMQConfigurationException Refused(params (string Key, string Value)[] settings) => Assert.Throws<RocketMQConfigurationException>(
        () => BuiltSilo.With(Add, settings.ToDictionary(setting => setting.Key, setting => (string?)setting.Value)));

    private static void Add(RocketMQBuilder builder) => builder.AddConsumer<ScriptedListener>("g", consumer => consumer.Subscribe("t"));
}
