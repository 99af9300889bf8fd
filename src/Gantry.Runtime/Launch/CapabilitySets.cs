using Gantry.Linux;
using Gantry.Linux.Native;
using Gantry.Oci.Runtime;

namespace Gantry.Runtime.Launch;

/// <summary>The five capability sets of a process, clipped to what this process may give (capabilities(7)).</summary>
internal readonly record struct CapabilitySets(
    ulong Bounding, ulong Effective, ulong Permitted, ulong Inheritable, ulong Ambient)
{
    /// <summary>
    /// The sets of a process object. Unknown names and capabilities that the runtime itself lacks are left out, as the
    /// specification allows.
    /// </summary>
    public static CapabilitySets From(CapabilitiesSpec? spec)
    {
        var own = LinuxCapability.Permitted();
        var permitted = Mask(spec?.Permitted) & own;
        var inheritable = Mask(spec?.Inheritable) & own & Mask(spec?.Bounding);
        return new CapabilitySets(
            Mask(spec?.Bounding), Mask(spec?.Effective) & permitted, permitted, inheritable,
            Mask(spec?.Ambient) & permitted & inheritable);
    }

    public void LimitBounding()
    {
        for (var number = 0; number < LinuxCapability.All.Count; number++)
        {
            if ((Bounding & (1UL << number)) == 0 && SysPrctl.IsInBoundingSet(number))
            {
                SysPrctl.DropFromBoundingSet(number);
            }
        }
    }

    /// <summary>Sets what the process is to have. The ambient set was emptied before.</summary>
    public void Apply()
    {
        LinuxCapability.Set(Effective, Permitted, Inheritable);
        for (var number = 0; Ambient >> number != 0; number++)
        {
            if ((Ambient & (1UL << number)) != 0 && SysPrctl.TryRaiseAmbient(number) is var errno and not 0)
            {
                throw new LinuxException("prctl PR_CAP_AMBIENT_RAISE", LinuxCapability.All[number], errno);
            }
        }
    }

    /// <summary>Makes everything effective that this process may still have, and inheritable what is to be.</summary>
    public void ApplyAll()
    {
        var own = LinuxCapability.Permitted();
        LinuxCapability.Set(own, own, Inheritable);
    }

    /// <summary>Names that are no capability, and capabilities that the runtime cannot give, which are left out.</summary>
    public static IEnumerable<string> Missing(CapabilitiesSpec? spec)
    {
        var own = LinuxCapability.Permitted();
        List<string>?[] sets = [spec?.Bounding, spec?.Effective, spec?.Inheritable, spec?.Permitted, spec?.Ambient];
        return sets.OfType<List<string>>().SelectMany(static set => set).Distinct()
            .Where(name => LinuxCapability.Number(name) is var number && (number < 0 || (own & (1UL << number)) == 0));
    }

    private static ulong Mask(List<string>? names)
    {
        var mask = 0UL;
        foreach (var name in names ?? [])
        {
            var number = LinuxCapability.Number(name);
            if (number >= 0)
            {
                mask |= 1UL << number;
            }
        }
        return mask;
    }
}
