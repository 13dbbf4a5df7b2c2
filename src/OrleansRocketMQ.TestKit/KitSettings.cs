using Microsoft.Extensions.DependencyInjection;
using OrleansRocketMQ.Configuration;
using OrleansRocketMQ.Embedded;
using OrleansRocketMQ.Hosting;

namespace OrleansRocketMQ.TestKit;

/// <summary>
/// What a test wants of a silo's settings: nothing takes seconds, and nothing leads to another cluster than the embedded
/// one.
/// </summary>
internal static class KitSettings
{
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(50);

    /// <summary>Sets what the caller may set otherwise.</summary>
    public static void SetDefaults(RocketMQBuilder rocketmq) => rocketmq
        .Configure(options =>
        {
            options.PollNameServerInterval = TimeSpan.FromMilliseconds(200);
            options.RebalanceInterval = TimeSpan.FromSeconds(1);
        })
        .ConfigureConsumers(options =>
        {
            // A test that starts its consumer after it has sent means to consume what it sent.
            options.ConsumeFromWhere = ConsumeFromWhere.FirstOffset;
            options.PersistInterval = Moment;
            options.RetryInterval = Moment;
            options.SuspendCurrentQueueTime = Moment;
            options.KeyRetryBackoff = Moment;
            options.MaxKeyRetryBackoff = Moment;
            options.ParkAfter = TimeSpan.FromSeconds(1);
        });

    /// <summary>
    /// Sets what nobody may set otherwise: the settings of an application under test may well name a real cluster, in code
    /// or configuration, and a test must not consume from it.
    /// </summary>
    public static void StayAtHome(
        IServiceCollection services,
        EmbeddedRocketMQ embedded) => services.PostConfigure<RocketMQOptions>(options =>
    {
        options.NameServer = embedded.NameServerAddress;
        (options.AccessKey, options.SecretKey, options.SecurityToken) = (null, null, null);
        (options.Namespace, options.NamespaceV2) = (null, null);
        (options.UseTls, options.TlsDangerouslyTrustAnyCertificate) = (false, false);
        (options.TlsAuthorityFile, options.TlsTargetHost) = (null, null);
        (options.TlsClientCertificateFile, options.TlsClientKeyFile, options.TlsClientKeyPassword) = (null, null, null);
        options.VipChannel = false;
    });
}
