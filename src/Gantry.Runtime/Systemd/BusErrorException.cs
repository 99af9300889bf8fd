using Gantry.Faults;

namespace Gantry.Runtime.Systemd;

/// <summary>An error that the other side of the bus has answered with.</summary>
internal sealed class BusErrorException(string name, string call, string text)
    : FaultException(KindOf(name), $"systemd: {call}: {text} ({name})")
{
    /// <summary>As org.freedesktop.systemd1.UnitExists.</summary>
    public string Name => name;

    /// <summary>What it says for people.</summary>
    public string Text => text;

    private static FaultKind KindOf(string name) => name[(name.LastIndexOf('.') + 1)..] switch
    {
        "UnitExists" => FaultKind.AlreadyExists,
        "NoSuchUnit" => FaultKind.NotFound,
        "AccessDenied" or "InteractiveAuthorizationRequired" => FaultKind.PermissionDenied,
        "InvalidArgs" or "PropertyReadOnly" or "UnknownProperty" => FaultKind.InvalidArgument,
        "NoReply" or "ServiceUnknown" or "NameHasNoOwner" or "Disconnected" => FaultKind.Unavailable,
        _ => FaultKind.Internal,
    };
}
