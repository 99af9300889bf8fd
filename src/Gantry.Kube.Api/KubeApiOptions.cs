using System.Net;

namespace Gantry.Kube.Api;

/// <summary>How an API server is to be set up.</summary>
public sealed record KubeApiOptions
{
    /// <summary>The range of cluster addresses of services; its first address is the service <c>kubernetes</c>.</summary>
    public IPNetwork ServiceRange { get; init; } = IPNetwork.Parse("10.43.0.0/16");

    /// <summary>The first node port.</summary>
    public int FirstNodePort { get; init; } = 30000;

    /// <summary>The last node port.</summary>
    public int LastNodePort { get; init; } = 32767;

    /// <summary>The issuer of service account tokens, and their audience unless another is asked for.</summary>
    public string Issuer { get; init; } = "https://kubernetes.default.svc.cluster.local";

    /// <summary>A token that authenticates as a member of system:masters; null: none.</summary>
    public string? BootstrapToken { get; init; }

    /// <summary>How long events are kept (upstream: one hour).</summary>
    public TimeSpan EventLifetime { get; init; } = TimeSpan.FromHours(1);

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
