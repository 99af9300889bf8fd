using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Node.Cgroups;
using Gantry.Kube.Node.Containers;
using Gantry.Kube.Node.Images;
using Gantry.Kube.Node.Probes;
using Gantry.Kube.Node.Runtime;
using Gantry.Kube.Node.Volumes;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Node.Pods;

/// <summary>What all pod workers of a node share.</summary>
internal sealed record PodContext(
    KubeletOptions Options,
    IKubeClient Client,
    EventRecorder Events,
    IPodRuntime Runtime,
    VolumeManager Volumes,
    PodDirectories Directories,
    ServiceAccountTokens Tokens,
    PodCgroups Cgroups,
    ImageKeeper Images,
    ContainerConfigBuilder Configs,
    ProbeAction Probes,
    PodEndpointDrain Drain,
    TimeProvider Time,
    ILogger Logger);
