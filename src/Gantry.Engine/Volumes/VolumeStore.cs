using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using Gantry.Engine.Events;
using Gantry.Faults;
using Gantry.Store;

namespace Gantry.Engine.Volumes;

/// <summary>
/// Local volumes: a directory each, below the root. A volume exists when its record does; a directory without a record is
/// left from a removal that was cut off, and goes at the next start. Thread-safe.
/// </summary>
public sealed class VolumeStore
{
    private const string Prefix = "/volumes/";
    private readonly string _directory;
    private readonly IStore _store;
    private readonly EventHub _events;
    private readonly SemaphoreSlim _changes = new(1, 1);
    private ImmutableSortedDictionary<string, VolumeRecord> _volumes = ImmutableSortedDictionary.Create<string, VolumeRecord>(StringComparer.Ordinal);

    internal VolumeStore(string directory, IStore store, EventHub events)
    {
        _directory = directory;
        _store = store;
        _events = events;
    }

    /// <summary>All volumes.</summary>
    public IReadOnlyCollection<VolumeRecord> List() => [.. _volumes.Values];

    /// <summary>A volume; <c>NotFound</c> when there is none.</summary>
    public VolumeRecord Get(string name) => _volumes.GetValueOrDefault(name) ?? throw new FaultException(FaultKind.NotFound, $"get {name}: no such volume");

    /// <summary>The directory with a volume's files.</summary>
    public string DataPath(string name) => Path.Combine(_directory, name, "_data");

    /// <summary>Makes a volume, or returns the one of that name; an empty name makes one up.</summary>
    public async Task<VolumeRecord> CreateAsync(
        string name, string driver, IReadOnlyDictionary<string, string> labels, IReadOnlyDictionary<string, string> options, CancellationToken cancellationToken)
    {
        bool anonymous = name.Length == 0;
        name = anonymous ? Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) : name;
        Check(name, driver, options);
        await _changes.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (_volumes.TryGetValue(name, out VolumeRecord? present))
            {
                return present;
            }

            VolumeRecord volume = new()
            {
                Name = name,
                CreatedAt = DateTimeOffset.UtcNow,
                Labels = labels.ToDictionary(),
                Options = options.ToDictionary(),
                Anonymous = anonymous,
            };
            Directory.CreateDirectory(DataPath(name));
            byte[] value = JsonSerializer.SerializeToUtf8Bytes(volume, EngineJson.Default.VolumeRecord);
            await _store.CommitAsync([new StoreOperation(Prefix + name, value)], cancellationToken).ConfigureAwait(false);
            _volumes = _volumes.Add(name, volume);
            _events.Publish("volume", "create", name, [new("driver", "local")]);
            return volume;
        }
        finally
        {
            _changes.Release();
        }
    }

    /// <summary>Removes a volume and its files. The engine checks before that no container uses it.</summary>
    internal async Task RemoveAsync(string name, CancellationToken cancellationToken)
    {
        await _changes.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            Get(name);
            await _store.CommitAsync([new StoreOperation(Prefix + name, null)], cancellationToken).ConfigureAwait(false);
            _volumes = _volumes.Remove(name);
            Directory.Delete(Path.Combine(_directory, name), recursive: true);
            _events.Publish("volume", "destroy", name, [new("driver", "local")]);
        }
        finally
        {
            _changes.Release();
        }
    }

    internal async Task LoadAsync(CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(_directory);
        StorePage page = await _store.RangeAsync(new StoreRange(Prefix), cancellationToken).ConfigureAwait(false);
        foreach (StoreEntry entry in page.Entries)
        {
            VolumeRecord volume = JsonSerializer.Deserialize(entry.Value.Span, EngineJson.Default.VolumeRecord)!;
            _volumes = _volumes.SetItem(volume.Name, volume);
            Directory.CreateDirectory(DataPath(volume.Name));
        }

        foreach (string leftover in Directory.EnumerateDirectories(_directory).Where(path => !_volumes.ContainsKey(Path.GetFileName(path))))
        {
            Directory.Delete(leftover, recursive: true);
        }
    }

    private static void Check(string name, string driver, IReadOnlyDictionary<string, string> options)
    {
        if (driver is not ("local" or ""))
        {
            throw new FaultException(FaultKind.NotFound, $"error looking up volume plugin {driver}: plugin \"{driver}\" not found");
        }

        bool valid = name.Length > 1 && char.IsAsciiLetterOrDigit(name[0]) && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.' or '-');
        if (!valid)
        {
            throw new FaultException(
                FaultKind.InvalidArgument,
                $"create {name}: \"{name}\" includes invalid characters for a local volume name, only \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, use absolute path");
        }

        if (options.Count > 0)
        {
            throw new FaultException(FaultKind.NotImplemented, $"create {name}: driver options ({string.Join(", ", options.Keys)}) are not supported; mount the device on the host and use a bind mount");
        }
    }
}
