using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Validation;

/// <summary>What holds for one container of a pod.</summary>
internal static class ContainerRules
{
    public static void Validate(Container container, string at, HashSet<string> names, IReadOnlySet<string> volumes, bool isInit, FieldErrors errors)
    {
        CheckNames(container, at, names, errors);
        CheckPorts(container.Ports ?? [], at + ".ports", errors);
        CheckEnvironment(container, at, errors);
        CheckMounts(container.VolumeMounts ?? [], at + ".volumeMounts", volumes, errors);
        CheckResources(container.Resources, at + ".resources", errors);
        var restartable = container.RestartPolicy == "Always";
        if (isInit && !restartable)
        {
            ForbidProbe(container.LivenessProbe, at + ".livenessProbe", errors);
            ForbidProbe(container.ReadinessProbe, at + ".readinessProbe", errors);
            ForbidProbe(container.StartupProbe, at + ".startupProbe", errors);
            if (container.Lifecycle is not null)
            {
                errors.Forbidden(at + ".lifecycle", "may not be set for init containers without restartPolicy=Always");
            }
        }
        else
        {
            CheckProbe(container.LivenessProbe, at + ".livenessProbe", true, errors);
            CheckProbe(container.ReadinessProbe, at + ".readinessProbe", false, errors);
            CheckProbe(container.StartupProbe, at + ".startupProbe", true, errors);
        }

        CheckHandler(container.Lifecycle?.PostStart, at + ".lifecycle.postStart", errors);
        CheckHandler(container.Lifecycle?.PreStop, at + ".lifecycle.preStop", errors);
    }

    private static void CheckNames(Container container, string at, HashSet<string> names, FieldErrors errors)
    {
        if (container.Name.Length == 0)
        {
            errors.Required(at + ".name");
        }
        else
        {
            PodRules.CheckName(container.Name, at + ".name", Names.DnsLabel, errors);
            if (!names.Add(container.Name))
            {
                errors.Duplicate(at + ".name", container.Name);
            }
        }

        if (string.IsNullOrEmpty(container.Image))
        {
            errors.Required(at + ".image");
        }
        else if (container.Image.Trim() != container.Image)
        {
            errors.Invalid(at + ".image", container.Image, "must not have leading or trailing whitespace");
        }
    }

    private static void CheckPorts(List<ContainerPort> ports, string at, FieldErrors errors)
    {
        var names = new HashSet<string>();
        for (var i = 0; i < ports.Count; i++)
        {
            var field = PodRules.Index(at, i);
            var port = ports[i];
            PodRules.CheckName(port.Name, field + ".name", Names.PortName, errors);
            if (!string.IsNullOrEmpty(port.Name) && !names.Add(port.Name))
            {
                errors.Duplicate(field + ".name", port.Name);
            }

            if (port.ContainerPortValue == 0)
            {
                errors.Required(field + ".containerPort");
            }
            else
            {
                CheckPort(port.ContainerPortValue, field + ".containerPort", errors);
            }

            if (port.HostPort is { } host and not 0)
            {
                CheckPort(host, field + ".hostPort", errors);
            }
        }
    }

    public static void CheckPort(long port, string field, FieldErrors errors)
    {
        foreach (var message in Names.PortNumber(port))
        {
            errors.Invalid(field, port, message);
        }
    }

    public static void CheckPortOrName(IntOrString port, string field, FieldErrors errors)
    {
        if (!port.IsString)
        {
            CheckPort(port.Number, field, errors);
            return;
        }

        foreach (var message in Names.PortName(port.Text!))
        {
            errors.Invalid(field, port.Text, message);
        }
    }

    private static void CheckEnvironment(Container container, string at, FieldErrors errors)
    {
        for (var i = 0; i < container.Env?.Count; i++)
        {
            var variable = container.Env[i];
            var field = PodRules.Index(at + ".env", i);
            if (variable.Name.Length == 0)
            {
                errors.Required(field + ".name");
            }
            else
            {
                PodRules.CheckName(variable.Name, field + ".name", Names.EnvName, errors);
            }

            if (variable.ValueFrom is not { } source)
            {
                continue;
            }

            var sources = new object?[] { source.FieldRef, source.ResourceFieldRef, source.ConfigMapKeyRef, source.SecretKeyRef }.Count(static s => s is not null);
            if (sources == 0)
            {
                errors.Invalid(field + ".valueFrom", "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
            }
            else if (!string.IsNullOrEmpty(variable.Value))
            {
                errors.Invalid(field + ".valueFrom", "", "may not be specified when `value` is not empty");
            }
            else if (sources > 1)
            {
                errors.Invalid(field + ".valueFrom", "", "may not have more than one field specified at a time");
            }
        }

        for (var i = 0; i < container.EnvFrom?.Count; i++)
        {
            var from = container.EnvFrom[i];
            if ((from.ConfigMapRef is null) == (from.SecretRef is null))
            {
                errors.Invalid(PodRules.Index(at + ".envFrom", i), "", from.ConfigMapRef is null ? "must specify one of: `configMapRef` or `secretRef`" : "may not have more than one field specified at a time");
            }
        }
    }

    private static void CheckMounts(List<VolumeMount> mounts, string at, IReadOnlySet<string> volumes, FieldErrors errors)
    {
        var paths = new HashSet<string>();
        for (var i = 0; i < mounts.Count; i++)
        {
            var mount = mounts[i];
            var field = PodRules.Index(at, i);
            if (mount.Name.Length == 0)
            {
                errors.Required(field + ".name");
            }
            else if (!volumes.Contains(mount.Name))
            {
                errors.NotFound(field + ".name", mount.Name);
            }

            if (mount.MountPath.Length == 0)
            {
                errors.Required(field + ".mountPath");
            }
            else if (!paths.Add(mount.MountPath))
            {
                errors.Invalid(field + ".mountPath", mount.MountPath, "must be unique");
            }

            VolumeRules.CheckRelative(mount.SubPath, field + ".subPath", errors);
        }
    }

    public static void CheckResources(ResourceRequirements? resources, string at, FieldErrors errors)
    {
        foreach (var (name, quantity) in resources?.Limits ?? [])
        {
            CheckQuantity(name, quantity, at + ".limits", errors);
        }

        foreach (var (name, quantity) in resources?.Requests ?? [])
        {
            CheckQuantity(name, quantity, at + ".requests", errors);
            if (resources!.Limits?.TryGetValue(name, out var limit) == true && quantity > limit)
            {
                errors.Invalid($"{at}.requests", quantity.ToString(), $"must be less than or equal to {name} limit of {limit}");
            }
        }
    }

    private static void CheckQuantity(string name, Quantity quantity, string at, FieldErrors errors)
    {
        var isStandard = name is "cpu" or "memory" or "ephemeral-storage" or "storage" || name.StartsWith("hugepages-", StringComparison.Ordinal);
        PodRules.CheckName(name, $"{at}[{name}]", Names.QualifiedName, errors);
        if (!isStandard && !name.Contains('/'))
        {
            errors.Invalid($"{at}[{name}]", name, "must be a standard resource for containers");
        }

        if (quantity.Sign < 0)
        {
            errors.Invalid($"{at}[{name}]", quantity.ToString(), "must be greater than or equal to 0");
        }
    }

    private static void ForbidProbe(Probe? probe, string at, FieldErrors errors)
    {
        if (probe is not null)
        {
            errors.Forbidden(at, "may not be set for init containers without restartPolicy=Always");
        }
    }

    private static void CheckProbe(Probe? probe, string at, bool singleSuccess, FieldErrors errors)
    {
        if (probe is null)
        {
            return;
        }

        var handlers = new object?[] { probe.Exec, probe.HttpGet, probe.TcpSocket, probe.Grpc }.Count(static h => h is not null);
        CheckHandlerCount(handlers, at, errors);
        CheckHandlerFields(probe.Exec, probe.HttpGet, probe.TcpSocket, at, errors);
        if (probe.Grpc is not null)
        {
            CheckPort(probe.Grpc.Port, at + ".grpc.port", errors);
        }

        CheckNonNegative(probe.InitialDelaySeconds, at + ".initialDelaySeconds", errors);
        CheckNonNegative(probe.TimeoutSeconds, at + ".timeoutSeconds", errors);
        CheckNonNegative(probe.PeriodSeconds, at + ".periodSeconds", errors);
        CheckNonNegative(probe.FailureThreshold, at + ".failureThreshold", errors);
        CheckNonNegative(probe.SuccessThreshold, at + ".successThreshold", errors);
        if (singleSuccess && probe.SuccessThreshold is { } threshold and not 1)
        {
            errors.Invalid(at + ".successThreshold", threshold, "must be 1");
        }
    }

    private static void CheckHandler(LifecycleHandler? handler, string at, FieldErrors errors)
    {
        if (handler is null)
        {
            return;
        }

        CheckHandlerCount(new object?[] { handler.Exec, handler.HttpGet, handler.TcpSocket, handler.Sleep }.Count(static h => h is not null), at, errors);
        CheckHandlerFields(handler.Exec, handler.HttpGet, handler.TcpSocket, at, errors);
    }

    private static void CheckHandlerCount(int handlers, string at, FieldErrors errors)
    {
        if (handlers == 0)
        {
            errors.Required(at, "must specify a handler type");
        }
        else if (handlers > 1)
        {
            errors.Forbidden(at, "may not specify more than 1 handler type");
        }
    }

    private static void CheckHandlerFields(ExecAction? exec, HTTPGetAction? http, TCPSocketAction? tcp, string at, FieldErrors errors)
    {
        if (exec is not null && exec.Command is not { Count: > 0 })
        {
            errors.Required(at + ".exec.command");
        }

        if (http is not null)
        {
            CheckPortOrName(http.Port, at + ".httpGet.port", errors);
        }

        if (tcp is not null)
        {
            CheckPortOrName(tcp.Port, at + ".tcpSocket.port", errors);
        }
    }

    public static void CheckNonNegative(long? value, string field, FieldErrors errors)
    {
        if (value is < 0)
        {
            errors.Invalid(field, value, "must be greater than or equal to 0");
        }
    }
}
