using System.Text.Json.Serialization;

namespace Gantry.Oci.Runtime;

/// <summary>A system call filter (config-linux.md, "Seccomp").</summary>
public sealed class SeccompSpec
{
    /// <summary>SCMP_ACT_ERRNO and the like, for calls that no rule names.</summary>
    public string DefaultAction { get; set; } = "";

    /// <summary>errno of the default action; null is EPERM.</summary>
    public uint? DefaultErrnoRet { get; set; }

    /// <summary>SCMP_ARCH_X86_64 and the like, beside the native one.</summary>
    public List<string>? Architectures { get; set; }

    /// <summary>SECCOMP_FILTER_FLAG_ names.</summary>
    public List<string>? Flags { get; set; }

    /// <summary>Socket that gets the notify descriptor.</summary>
    public string? ListenerPath { get; set; }

    /// <summary>Data passed to the listener.</summary>
    public string? ListenerMetadata { get; set; }

    /// <summary>Rules.</summary>
    public List<SeccompSyscallSpec>? Syscalls { get; set; }

    /// <summary>The JSON that this was read from; empty when it was not read.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Source { get; set; }
}

/// <summary>One rule: some calls, one action.</summary>
public sealed class SeccompSyscallSpec
{
    /// <summary>System call names; those that the kernel headers do not know are skipped.</summary>
    public List<string> Names { get; set; } = [];

    /// <summary>SCMP_ACT_ALLOW and the like.</summary>
    public string Action { get; set; } = "";

    /// <summary>errno of SCMP_ACT_ERRNO, or message of SCMP_ACT_TRACE.</summary>
    public uint? ErrnoRet { get; set; }

    /// <summary>Conditions, all of which must hold.</summary>
    public List<SeccompArgSpec>? Args { get; set; }
}

/// <summary>One condition on a call's argument.</summary>
public sealed class SeccompArgSpec
{
    /// <summary>0 to 5.</summary>
    public uint Index { get; set; }

    /// <summary>Operand (the mask of SCMP_CMP_MASKED_EQ).</summary>
    public ulong Value { get; set; }

    /// <summary>Second operand of SCMP_CMP_MASKED_EQ.</summary>
    public ulong ValueTwo { get; set; }

    /// <summary>SCMP_CMP_EQ and the like.</summary>
    public string Op { get; set; } = "";
}
