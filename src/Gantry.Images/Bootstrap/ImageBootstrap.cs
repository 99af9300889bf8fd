using System.Buffers.Binary;
using Gantry.Faults;
using Gantry.Images.Tar;
using Gantry.Oci;

namespace Gantry.Images.Bootstrap;

/// <summary>
/// Makes base images from the machine's own package sources, for machines that reach no registry: <c>debian:&lt;suite&gt;</c> and
/// <c>debian:&lt;suite&gt;-slim</c> with mmdebstrap, <c>busybox</c> from the package busybox-static. apt inside such an image uses the
/// sources of this machine.
/// </summary>
public sealed class ImageBootstrap(ImageService images)
{
    private const string DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    private const string MergedUsrHook = "/usr/share/mmdebstrap/hooks/merged-usr";

    // What the official slim images leave out as well (debuerreotype's slimify).
    private static readonly string[] s_slimOptions =
    [
        "path-exclude=/usr/share/doc/*", "path-include=/usr/share/doc/*/copyright", "path-exclude=/usr/share/man/*",
        "path-exclude=/usr/share/locale/*", "path-exclude=/usr/share/info/*", "path-exclude=/usr/share/lintian/*",
    ];

    /// <summary>Whether there is a recipe for a name.</summary>
    public static bool CanMake(ImageReference reference) =>
        reference.Domain == ImageReference.DefaultDomain && (reference.Path == "library/busybox" || Suite(reference) is not null);

    /// <summary>
    /// Makes the image and gives it the name, replacing what had it. <paramref name="progress"/> hears lines. Faults:
    /// <c>InvalidArgument</c> for a name without recipe, <c>FailedPrecondition</c> for a missing program, <c>Unavailable</c> when packages
    /// cannot be fetched.
    /// </summary>
    public Task<Image> MakeAsync(ImageReference reference, Action<string> progress, CancellationToken cancellationToken = default)
    {
        var name = reference.WithDefaultTag();
        if (!CanMake(name))
        {
            throw new FaultException(FaultKind.InvalidArgument,
                $"cannot bootstrap {name.Familiar}: there are recipes for debian:<suite>, debian:<suite>-slim and busybox");
        }
        return Suite(name) is { } suite ? MakeDebianAsync(name, suite, progress, cancellationToken) : MakeBusyboxAsync(name, progress, cancellationToken);
    }

    private static string? Suite(ImageReference reference)
    {
        if (reference.Path != "library/debian" || reference.Tag is null)
        {
            return null;
        }
        var suite = reference.Tag.EndsWith("-slim", StringComparison.Ordinal) ? reference.Tag[..^5] : reference.Tag;
        return suite switch
        {
            "latest" or "stable" or "13" => "trixie",
            "oldstable" or "12" => "bookworm",
            _ when suite.All(char.IsAsciiLetterLower) => suite,
            _ => null,
        };
    }

    private async Task<Image> MakeDebianAsync(ImageReference name, string suite, Action<string> progress, CancellationToken cancellationToken)
    {
        var sources = AptSources.ForSuite(suite);
        progress($"Making {name.Familiar} with mmdebstrap from {sources[0].Uri}");
        // unsafe-io: dpkg syncs each file otherwise, for nothing where the whole image is made or thrown away (as the official image).
        var arguments = new List<string> { "--variant=minbase", "--format=tar", "--dpkgopt=force-unsafe-io", $"--architectures={Architecture()}" };
        if (suite == "bookworm" && Directory.Exists(MergedUsrHook))
        {
            // Else bookworm takes the package usrmerge, and perl with it: 50 MB.
            arguments.AddRange([$"--hook-dir={MergedUsrHook}", "--include=usr-is-merged"]);
        }
        if (name.Tag!.EndsWith("-slim", StringComparison.Ordinal))
        {
            arguments.AddRange(s_slimOptions.Select(option => $"--dpkgopt={option}"));
        }
        if (await ProxyAsync(cancellationToken).ConfigureAwait(false) is { } proxy)
        {
            arguments.Add($"--aptopt=Acquire::http::Proxy \"{proxy}\"");
        }
        // Packages installed in a container must not start services (invoke-rc.d(8)).
        arguments.Add("--customize-hook=printf '#!/bin/sh\\nexit 101\\n' > \"$1/usr/sbin/policy-rc.d\" && chmod 0755 \"$1/usr/sbin/policy-rc.d\"");
        // apt must not leave what it downloaded, nor its index caches, in every layer (as the official image).
        arguments.Add("--customize-hook=printf '%s\\n' 'APT::Keep-Downloaded-Packages \"false\";' 'Dir::Cache::pkgcache \"\";' "
            + "'Dir::Cache::srcpkgcache \"\";' 'Acquire::Languages \"none\";' 'DPkg::Post-Invoke { \"rm -f /var/cache/apt/archives/*.deb "
            + "/var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true\"; };' > \"$1/etc/apt/apt.conf.d/docker-clean\"");
        // Names of this machine (the engine mounts the container's own), and caches that apt no longer knows of.
        arguments.Add("--customize-hook=rm -f \"$1/etc/hostname\" \"$1/etc/resolv.conf\" \"$1\"/var/cache/apt/*.bin");
        arguments.AddRange([suite, "-", .. sources.Select(source => source.ToString())]);
        Image? image = null;
        await HostCommand.RunAsync(
            "mmdebstrap", arguments,
            async output => image = await images.ImportAsync(
                output, new ContainerConfig { Env = [DefaultPath], Cmd = ["bash"] }, $"Debian {suite} made by mmdebstrap", [], cancellationToken).ConfigureAwait(false),
            progress, cancellationToken).ConfigureAwait(false);
        // Named only now: an archive that ends early may still be one.
        await images.TagAsync(image!.Id.Value, name, cancellationToken).ConfigureAwait(false);
        return await images.ResolveAsync(name.ToString(), cancellationToken).ConfigureAwait(false);
    }

    private async Task<Image> MakeBusyboxAsync(ImageReference name, Action<string> progress, CancellationToken cancellationToken)
    {
        var program = new[] { "/bin/busybox", "/usr/bin/busybox" }.FirstOrDefault(File.Exists)
            ?? throw new FaultException(FaultKind.FailedPrecondition, "busybox is not installed: apt-get install busybox-static");
        var content = await File.ReadAllBytesAsync(program, cancellationToken).ConfigureAwait(false);
        if (NeedsInterpreter(content))
        {
            throw new FaultException(FaultKind.FailedPrecondition, $"{program} is linked dynamically: apt-get install busybox-static");
        }
        progress($"Making {name.Familiar} from {program}");
        var applets = (await HostCommand.ReadAsync(program, ["--list"], cancellationToken).ConfigureAwait(false))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        using var rootfs = new MemoryStream();
        WriteBusybox(new TarWriter(rootfs), content, applets);
        rootfs.Position = 0;
        return await images.ImportAsync(
            rootfs, new ContainerConfig { Env = [DefaultPath], Cmd = ["sh"] }, "busybox from Debian's busybox-static", [name], cancellationToken).ConfigureAwait(false);
    }

    private static void WriteBusybox(TarWriter tar, byte[] program, string[] applets)
    {
        foreach (var (directory, permissions) in new[]
        {
            ("bin/", 0x1edu), ("etc/", 0x1edu), ("home/", 0x1edu), ("lib/", 0x1edu), ("root/", 0x1c0u), ("tmp/", 0x3ffu),
            ("usr/", 0x1edu), ("usr/bin/", 0x1edu), ("usr/sbin/", 0x1edu), ("var/", 0x1edu), ("var/spool/", 0x1edu), ("var/www/", 0x1edu),
        })
        {
            tar.Write(new TarEntry { Name = directory, Type = TarEntryType.Directory, Permissions = permissions });
        }
        tar.WriteFile("bin/busybox", program, 0x1ed);
        foreach (var applet in applets.Where(applet => applet != "busybox").Order(StringComparer.Ordinal))
        {
            tar.Write(new TarEntry { Name = $"bin/{applet}", Type = TarEntryType.HardLink, LinkName = "bin/busybox", Permissions = 0x1ed });
        }
        tar.Write(new TarEntry { Name = "usr/bin/env", Type = TarEntryType.Symlink, LinkName = "../../bin/env", Permissions = 0x1ff });
        tar.WriteFile("etc/passwd", System.Text.Encoding.ASCII.GetBytes("""
            root:x:0:0:root:/root:/bin/sh
            daemon:x:1:1:daemon:/usr/sbin:/bin/false
            bin:x:2:2:bin:/bin:/bin/false
            www-data:x:33:33:www-data:/var/www:/bin/false
            operator:x:37:37:Operator:/var:/bin/false
            nobody:x:65534:65534:nobody:/home:/bin/false

            """));
        tar.WriteFile("etc/group", System.Text.Encoding.ASCII.GetBytes("""
            root:x:0:
            daemon:x:1:
            bin:x:2:
            sys:x:3:
            adm:x:4:
            tty:x:5:
            disk:x:6:
            mail:x:8:
            www-data:x:33:
            operator:x:37:
            users:x:100:
            nogroup:x:65534:

            """));
        tar.WriteFile("etc/shadow", "root:*:::::::\n"u8.ToArray(), 0x180);
        tar.Complete();
    }

    // elf(5), 64 bits: a program header of type PT_INTERP names the dynamic linker.
    private static bool NeedsInterpreter(ReadOnlySpan<byte> elf)
    {
        if (elf.Length < 64 || !elf.StartsWith("\u007fELF"u8) || elf[4] != 2)
        {
            return false;
        }
        var offset = (int)BinaryPrimitives.ReadInt64LittleEndian(elf[32..]);
        var (size, count) = (BinaryPrimitives.ReadUInt16LittleEndian(elf[54..]), BinaryPrimitives.ReadUInt16LittleEndian(elf[56..]));
        for (var i = 0; i < count && offset + 4 <= elf.Length; i++, offset += size)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(elf[offset..]) == 3)
            {
                return true;
            }
        }
        return false;
    }

    private static string Architecture() => Platform.Host.Architecture switch
    {
        "386" => "i386",
        "arm" => "armhf",
        "ppc64le" => "ppc64el",
        var same => same,
    };

    private static async Task<string?> ProxyAsync(CancellationToken cancellationToken)
    {
        var line = await HostCommand.ReadAsync("apt-config", ["dump", "Acquire::http::Proxy"], cancellationToken).ConfigureAwait(false);
        var quote = line.IndexOf('"', StringComparison.Ordinal);
        var end = line.LastIndexOf('"');
        return quote >= 0 && end > quote + 1 ? line[(quote + 1)..end] : null;
    }
}
