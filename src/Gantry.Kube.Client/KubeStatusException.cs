using Gantry.Faults;

namespace Gantry.Kube.Client;

/// <summary>
/// A failure as the Kubernetes API reports it: metav1.Status with code, reason and causes
/// (https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/).
/// </summary>
public sealed class KubeStatusException : FaultException
{
    /// <summary>Makes a failure; <paramref name="reason"/> is a metav1.StatusReason such as "NotFound".</summary>
    public KubeStatusException(FaultKind kind, int code, string reason, string message, KubeStatusDetails? details = null)
        : base(kind, message)
    {
        Code = code;
        Reason = reason;
        Details = details;
    }

    /// <summary>The HTTP status code.</summary>
    public int Code { get; }

    /// <summary>The metav1.StatusReason.</summary>
    public string Reason { get; }

    /// <summary>What the failure is about.</summary>
    public KubeStatusDetails? Details { get; }
}

/// <summary>metav1.StatusDetails.</summary>
public sealed record KubeStatusDetails(string? Name, string? Group, string? Kind, string? Uid = null, IReadOnlyList<KubeStatusCause>? Causes = null, int? RetryAfterSeconds = null);

/// <summary>metav1.StatusCause: reason such as FieldValueInvalid, the message, and the field's path.</summary>
public sealed record KubeStatusCause(string Reason, string Message, string? Field);
