using Gantry.Engine.Containers;
using Gantry.Faults;
using Gantry.Oci.Runtime;

namespace Gantry.Engine.Specs;

/// <summary>Translates limits to the runtime specification's resources, and checks them with Docker's words.</summary>
internal static class ResourceTranslation
{
    // Docker's minimum: below it the runtime itself does not fit.
    private const long MinimumMemory = 6L << 20;
    private const ulong CpuPeriod = 100_000;

    internal static void Validate(ResourceSpec resources)
    {
        if (resources.Memory is > 0 and < MinimumMemory)
        {
            throw Invalid("Minimum memory limit allowed is 6MB");
        }

        if (resources.MemorySwap > 0 && resources.Memory == 0)
        {
            throw Invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
        }

        if (resources.MemorySwap > 0 && resources.MemorySwap < resources.Memory)
        {
            throw Invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
        }

        if (resources.MemoryReservation > 0 && resources.Memory > 0 && resources.Memory < resources.MemoryReservation)
        {
            throw Invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
        }

        if (resources.NanoCpus < 0 || resources.NanoCpus > Environment.ProcessorCount * 1_000_000_000L)
        {
            throw Invalid($"range of CPUs is from 0.01 to {Environment.ProcessorCount}.00, as there are only {Environment.ProcessorCount} CPUs available");
        }

        if (resources.NanoCpus > 0 && (resources.CpuQuota > 0 || resources.CpuPeriod > 0))
        {
            throw Invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
        }

        if (resources.ShmSize < 0)
        {
            throw Invalid("SHM size can not be less than 0");
        }
    }

    internal static ResourcesSpec Build(ResourceSpec resources, SecuritySpec security)
    {
        ResourcesSpec result = Limits(resources);
        result.Devices = DeviceTranslation.Rules(security);
        return result;
    }

    /// <summary>The limits alone: what an update sets.</summary>
    internal static ResourcesSpec Limits(ResourceSpec resources)
    {
        ResourcesSpec result = new();
        if (resources.Memory > 0 || resources.MemoryReservation > 0 || resources.MemorySwappiness is not null || resources.OomKillDisable == true)
        {
            result.Memory = new MemorySpec
            {
                Limit = resources.Memory > 0 ? resources.Memory : null,
                // Docker's default: as much swap as memory.
                Swap = resources.Memory == 0 ? null : resources.MemorySwap != 0 ? resources.MemorySwap : resources.Memory * 2,
                Reservation = resources.MemoryReservation > 0 ? resources.MemoryReservation : null,
                Swappiness = resources.MemorySwappiness is >= 0 and { } swappiness ? (ulong)swappiness : null,
                DisableOOMKiller = resources.OomKillDisable == true ? true : null,
            };
        }

        result.Cpu = new CpuSpec
        {
            Shares = resources.CpuShares > 0 ? (ulong)resources.CpuShares : null,
            Quota = resources.NanoCpus > 0 ? resources.NanoCpus * (long)CpuPeriod / 1_000_000_000 : resources.CpuQuota != 0 ? resources.CpuQuota : null,
            Period = resources.NanoCpus > 0 ? CpuPeriod : resources.CpuPeriod > 0 ? (ulong)resources.CpuPeriod : null,
            Cpus = resources.CpusetCpus.Length > 0 ? resources.CpusetCpus : null,
            Mems = resources.CpusetMems.Length > 0 ? resources.CpusetMems : null,
        };
        if (resources.PidsLimit is > 0 and { } pids)
        {
            result.Pids = new PidsSpec { Limit = pids };
        }

        if (resources.BlkioWeight > 0)
        {
            result.BlockIO = new BlockIOSpec { Weight = (ushort)resources.BlkioWeight };
        }

        return result;
    }

    private static FaultException Invalid(string message) => new(FaultKind.InvalidArgument, message);
}
