using System.Buffers.Binary;
using Gantry.Linux.Seccomp;
using Gantry.Oci.Runtime;
using Gantry.Runtime.Bundle;
using Gantry.Runtime.State;

namespace Gantry.Runtime.Launch;

/// <summary>
/// Compiled system call filters. Compiling a large profile takes milliseconds and the same few profiles come again and again,
/// so programs are kept in the state root: a file holds the flags, the profile's JSON, to compare, and the program.
/// </summary>
internal static class SeccompFilter
{
    /// <summary>Of what is made of a profile: programs that an earlier runtime has kept are not taken for this one's.</summary>
    private const string Version = "-2";

    private const int HeaderSize = 8;
    private const uint Tsync = 1;
    private const uint NewListener = 8;
    private const uint TsyncReturnsError = 0x10;
    private const uint WaitKillable = 0x20;

    /// <summary>Flags of a profile and their bits (linux/seccomp.h).</summary>
    private static readonly (string Name, uint Bit)[] Flags =
    [
        ("SECCOMP_FILTER_FLAG_TSYNC", Tsync), ("SECCOMP_FILTER_FLAG_LOG", 2), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4),
        ("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", WaitKillable),
    ];

    public static IEnumerable<string> FlagNames => Flags.Select(static item => item.Name);

    /// <summary>A flag's bit from its name; 0 when there is none.</summary>
    public static uint Flag(string name) => Array.Find(Flags, item => item.Name == name).Bit;

    /// <summary>True when the filter asks an agent about calls.</summary>
    public static bool Notifies(byte[] filter) => (BinaryPrimitives.ReadUInt32LittleEndian(filter) & NewListener) != 0;

    /// <summary>The filter of a profile: u32 flags, then the BPF program. Null without a profile.</summary>
    public static byte[]? Prepare(SeccompSpec? profile, string stateRoot)
    {
        if (profile is null)
        {
            return null;
        }
        var json = profile.Source.ToArray();
        var directory = $"{stateRoot}/.seccomp";
        var path = $"{directory}/{Hash(json):x16}{Version}";
        if (SmallFile.TryRead(path) is { } kept && TryTake(kept, json) is { } filter)
        {
            return filter;
        }
        filter = Compile(profile.Syscalls is null ? ReadWhole(json) : profile);
        Directory.CreateDirectory(directory);
        var header = new byte[HeaderSize];
        BinaryPrimitives.WriteInt32LittleEndian(header, json.Length);
        BinaryPrimitives.WriteInt32LittleEndian(header.AsSpan(4), filter.Length);
        var mine = $"{path}.{Environment.ProcessId}";
        SmallFile.Write(mine, [.. header, .. json, .. filter]);
        Linux.Native.Unistd.Rename(mine, path);
        return filter;
    }

    /// <summary>Loads a filter; returns the notify descriptor when it <see cref="Notifies"/>.</summary>
    public static int Load(byte[] filter) =>
        SeccompProgram.Load(filter.AsSpan(4), BinaryPrimitives.ReadUInt32LittleEndian(filter));

    private static byte[]? TryTake(byte[] kept, byte[] json)
    {
        if (kept.Length < HeaderSize || BinaryPrimitives.ReadInt32LittleEndian(kept) != json.Length)
        {
            return null;
        }
        var length = BinaryPrimitives.ReadInt32LittleEndian(kept.AsSpan(4));
        return kept.Length == HeaderSize + json.Length + length && kept.AsSpan(HeaderSize, json.Length).SequenceEqual(json)
            ? kept[(HeaderSize + json.Length)..]
            : null;
    }

    /// <summary>An exec reads a profile without its rules, which are seldom needed.</summary>
    private static SeccompSpec ReadWhole(byte[] json)
    {
        var profile = RuntimeSpecJson.ReadSeccomp(json, "linux.seccomp");
        SpecCheck.CheckSeccomp(profile, "config.json");
        return profile;
    }

    private static byte[] Compile(SeccompSpec profile)
    {
        var rules = (profile.Syscalls ?? []).Select(static rule => new SeccompRule(
            rule.Names, rule.Action, rule.ErrnoRet,
            [.. (rule.Args ?? []).Select(static item => new SeccompCondition(item.Index, item.Op, item.Value, item.ValueTwo))]));
        var program = SeccompProgram.Compile(
            profile.DefaultAction, profile.DefaultErrnoRet, profile.Architectures ?? [], [.. rules]);
        var flags = 0U;
        foreach (var flag in profile.Flags ?? [])
        {
            flags |= Flag(flag);
        }
        if (rules.Any(static rule => rule.Action == "SCMP_ACT_NOTIFY"))
        {
            // With both, an error of TSYNC would look like a descriptor, so that the kernel wants to be told how to say it.
            flags |= NewListener | ((flags & Tsync) != 0 ? TsyncReturnsError : 0);
        }
        else
        {
            flags &= ~WaitKillable; // the kernel refuses it without a listener
        }
        var filter = new byte[4 + program.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(filter, flags);
        program.CopyTo(filter, 4);
        return filter;
    }

    /// <summary>FNV-1a. It only names the file; what decides is the comparison of the JSON.</summary>
    private static ulong Hash(byte[] data)
    {
        var hash = 14695981039346656037UL;
        foreach (var item in data)
        {
            hash = (hash ^ item) * 1099511628211UL;
        }
        return hash;
    }
}
