using System.Text;
using Gantry.Images;
using Gantry.Images.Snapshots;
using Gantry.Images.Tar;
using Gantry.Images.Tests;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Build.Tests;

/// <summary>A builder with a base image <c>base</c> that holds busybox, on a directory of its own.</summary>
internal sealed class BuildRoot : IAsyncDisposable
{
    private static readonly string[] s_programs = ["sh", "cat", "echo", "ls", "mkdir", "rm", "test", "touch", "id", "env", "stat", "true", "cp", "pwd"];
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-build-test-").FullName;
    private readonly StringBuilder _output = new();
    private int _views;

    public MemoryStore Store { get; } = new();

    public ImageService Images { get; private set; } = null!;

    public ImageBuilder Builder { get; private set; } = null!;

    public ChrootExecutor Executor { get; } = new();

    public string Output => _output.ToString();

    public static async Task<BuildRoot> CreateAsync()
    {
        var root = new BuildRoot();
        await root.ReopenAsync();
        await root.AddBaseAsync();
        return root;
    }

    public async Task ReopenAsync()
    {
        Images = await ImageService.OpenAsync(new ImageServiceOptions { Root = Path.Combine(_directory, "images") }, Store);
        Builder = new ImageBuilder(Images, Store, Executor, Path.Combine(_directory, "build"));
        await Builder.RecoverAsync();
    }

    /// <summary>Builds a Dockerfile with files beside it; a name that ends in a slash is a directory.</summary>
    public Task<Image> BuildAsync(string dockerfile, Func<BuildRequest, BuildRequest>? change = null, params (string Name, string Content)[] files)
    {
        _output.Clear();
        var context = Tar(writer =>
        {
            writer.WriteFile("Dockerfile", Encoding.UTF8.GetBytes(dockerfile));
            foreach (var (name, content) in files)
            {
                if (name.EndsWith('/'))
                {
                    writer.Write(new TarEntry { Name = name, Type = TarEntryType.Directory, Permissions = 0x1ed, Uid = 1000, Gid = 1000 });
                }
                else
                {
                    var bytes = Encoding.UTF8.GetBytes(content);
                    writer.Write(new TarEntry { Name = name, Type = TarEntryType.Regular, Permissions = 0x1a4, Uid = 1000, Gid = 1000, SizeBytes = bytes.Length }, new MemoryStream(bytes));
                }
            }
        });
        var request = new BuildRequest { Context = new MemoryStream(context), Output = message => _output.Append(message.Stream) };
        return Builder.BuildAsync(change?.Invoke(request) ?? request);
    }

    /// <summary>An image's files, for looking at.</summary>
    public async Task<Tree> ViewAsync(Image image)
    {
        var mount = await Images.Snapshots.PrepareAsync($"view-{++_views}", image.ChainId);
        return Tree.Open(mount.Mount(), TreeResolve.InRoot);
    }

    public async Task<string> ReadAsync(Image image, string path)
    {
        using var tree = await ViewAsync(image);
        using var reader = new StreamReader(tree.OpenRead(path, follow: true));
        return reader.ReadToEnd();
    }

    public static byte[] Tar(Action<TarWriter> write)
    {
        var stream = new MemoryStream();
        var writer = new TarWriter(stream);
        write(writer);
        writer.Complete();
        return stream.ToArray();
    }

    public ValueTask DisposeAsync()
    {
        foreach (var mount in Images.Snapshots.ListKeys().Select(key => Images.Snapshots.TryGet(key)).OfType<SnapshotMount>())
        {
            mount.Unmount();
        }
        using var parent = Tree.Open(Path.GetDirectoryName(_directory)!);
        parent.Remove(Path.GetFileName(_directory));
        return ValueTask.CompletedTask;
    }

    private async Task AddBaseAsync()
    {
        var busybox = await File.ReadAllBytesAsync("/bin/busybox");
        var tar = Tar(writer =>
        {
            writer.WriteFile("bin/busybox", busybox, 0x1ed);
            foreach (var program in s_programs)
            {
                writer.Write(new TarEntry { Name = $"bin/{program}", Type = TarEntryType.Symlink, LinkName = "busybox" });
            }
            writer.WriteFile("etc/passwd", "root:x:0:0::/root:/bin/sh\napp:x:123:456::/:/bin/sh\n"u8.ToArray());
            writer.WriteFile("etc/group", "root:x:0:\nstaff:x:50:\n"u8.ToArray());
            writer.Write(new TarEntry { Name = "tmp/", Type = TarEntryType.Directory, Permissions = 0x3ff });
        });
        using var lease = Images.Content.CreateLease();
        var digest = await Images.Content.PutAsync(tar, lease);
        var config = Images.EmptyConfig() with
        {
            Config = new ContainerConfig { Cmd = ["sh"], Env = ["PATH=/bin"] },
            RootFs = new RootFs { DiffIds = [digest] },
            Created = DateTimeOffset.UnixEpoch,
        };
        var layer = new Descriptor { MediaType = MediaTypes.OciLayer, Digest = digest, Size = tar.Length };
        await Images.CreateAsync(config, [layer], null, [ImageReference.Parse("base")], lease);
    }
}
