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

    public void Apply()
    {
        LinuxCapability.Set(Effective, Permitted, Inheritable);
        SysPrctl.ClearAmbient();
        for (var number = 0; Ambient >> number != 0; number++)
        {
            if ((Ambient & (1UL << number)) != 0 && SysPrctl.TryRaiseAmbient(number) is var errno and not 0)
            {
                throw new LinuxException("prctl PR_CAP_AMBIENT_RAISE", LinuxCapability.All[number], errno);
            }
        }
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
