using Gantry.Images.Tar;
using Gantry.Linux.Trees;
using Gantry.Oci;

namespace Gantry.Images.Tests;

/// <summary>A store on a directory of its own, which is unmounted and removed at the end.</summary>
internal sealed class ImageRoot : IAsyncDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("gantry-images-test-").FullName;

    public MemoryStore Store { get; } = new();

    public string Path => _directory;

    public ImageService Images { get; private set; } = null!;

    public string OwnRegistry { get; init; } = "localhost:5000";

    public static async Task<ImageRoot> CreateAsync(string ownRegistry = "localhost:5000")
    {
        var root = new ImageRoot { OwnRegistry = ownRegistry };
        await root.ReopenAsync();
        return root;
    }

    public async Task ReopenAsync() =>
        Images = await ImageService.OpenAsync(new ImageServiceOptions { Root = _directory, OwnRegistries = [OwnRegistry] }, Store);

    /// <summary>An image of one layer a list, each with files of this content.</summary>
    public async Task<Image> AddImageAsync(string name, params (string Path, string Content)[][] layers)
    {
        using var lease = Images.Content.CreateLease();
        var descriptors = new List<Descriptor>();
        var diffIds = new List<Digest>();
        foreach (var files in layers)
        {
            var tar = Tar(writer =>
            {
                foreach (var (path, content) in files)
                {
                    writer.WriteFile(path, System.Text.Encoding.UTF8.GetBytes(content));
                }
            });
            var digest = await Images.Content.PutAsync(tar, lease);
            diffIds.Add(digest);
            descriptors.Add(new Descriptor { MediaType = MediaTypes.OciLayer, Digest = digest, Size = tar.Length });
        }
        var config = Images.EmptyConfig() with
        {
            Config = new ContainerConfig { Cmd = ["sh"] },
            RootFs = new RootFs { DiffIds = diffIds },
            Comment = name,
        };
        var image = await Images.CreateAsync(config, descriptors, null, [ImageReference.Parse(name)], lease);
        await Images.EnsureUnpackedAsync(image);
        return await Images.ResolveAsync(name);
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
        foreach (var key in Images.Snapshots.ListKeys())
        {
            Images.Snapshots.TryGet(key)!.Unmount();
        }
        using var parent = Tree.Open(System.IO.Path.GetDirectoryName(_directory)!);
        parent.Remove(System.IO.Path.GetFileName(_directory));
        return ValueTask.CompletedTask;
    }
}
