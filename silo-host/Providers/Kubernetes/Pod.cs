using OrleansRocketMQ.SiloHost.Errors;
using k8s;
using OrleansRocketMQ.SiloHost.Hosting;

namespace OrleansRocketMQ.SiloHost.Kubernetes;

/// <summary>What Kubernetes hosting of Orleans needs of where it runs.</summary>
internal static class Pod
{
    /// <exception cref="StartException">This is no pod, or one whose service account is not mounted.</exception>
    public static void Check()
    {
        if (!KubernetesClientConfiguration.IsInCluster())
        {
            throw new StartException(
                "silo-host-kubernetes runs in a pod of Kubernetes that has a service account, and this is none: "
                    + "KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT or the files of the service account are missing. "
                    + "Elsewhere use silo-host-redis or another program of silo-host/Providers.",
                exitCode: ExitCode.OutsidePod);
        }
    }
}
