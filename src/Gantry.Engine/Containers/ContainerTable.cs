using System.Text.Json;
using Gantry.Faults;
using Gantry.Store;

namespace Gantry.Engine.Containers;

/// <summary>
/// All containers, by id and name, and their durable records. A record is in the store before it is visible. Thread-safe.
/// </summary>
internal sealed class ContainerTable(IStore store)
{
    private const string Prefix = "/containers/";
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Container> _byId = [];
    private readonly Dictionary<string, string> _names = [];

    internal IReadOnlyList<Container> All()
    {
        lock (_lock)
        {
            return [.. _byId.Values];
        }
    }

    internal Container? FindById(string id)
    {
        lock (_lock)
        {
            return _byId.GetValueOrDefault(id);
        }
    }

    /// <summary>By id, name (with or without a slash), or unique beginning of an id.</summary>
    internal Container Get(string reference)
    {
        string name = reference.StartsWith('/') ? reference[1..] : reference;
        lock (_lock)
        {
            if (_byId.TryGetValue(reference, out Container? byId))
            {
                return byId;
            }

            if (_names.TryGetValue(name, out string? id) && _byId.TryGetValue(id, out Container? byName))
            {
                return byName;
            }

            Container[] beginning = name.Length == 0 ? [] : [.. _byId.Values.Where(container => container.Id.StartsWith(name, StringComparison.Ordinal))];
            return beginning.Length switch
            {
                1 => beginning[0],
                0 => throw new FaultException(FaultKind.NotFound, $"No such container: {reference}"),
                _ => throw new FaultException(FaultKind.InvalidArgument, $"multiple IDs found with provided prefix: {reference}"),
            };
        }
    }

    /// <summary>Takes a name for an id; <c>Conflict</c> in Docker's words when it is taken.</summary>
    internal void ReserveName(string name, string id)
    {
        bool valid = name.Length > 1 && char.IsAsciiLetterOrDigit(name[0]) && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.' or '-');
        if (!valid)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed");
        }

        lock (_lock)
        {
            if (!_names.TryAdd(name, id))
            {
                throw new FaultException(
                    FaultKind.Conflict,
                    $"Conflict. The container name \"/{name}\" is already in use by container \"{_names[name]}\". You have to remove (or rename) that container to be able to reuse that name.");
            }
        }
    }

    internal bool IsNameFree(string name)
    {
        lock (_lock)
        {
            return !_names.ContainsKey(name);
        }
    }

    internal void ReleaseName(string name, string id)
    {
        lock (_lock)
        {
            if (_names.TryGetValue(name, out string? owner) && owner == id)
            {
                _names.Remove(name);
            }
        }
    }

    internal async Task LoadAsync(CancellationToken cancellationToken)
    {
        StorePage page = await store.RangeAsync(new StoreRange(Prefix), cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            foreach (StoreEntry entry in page.Entries)
            {
                ContainerRecord record = JsonSerializer.Deserialize(entry.Value.Span, EngineJson.Default.ContainerRecord)!;
                _byId[record.Id] = new Container(record);
                _names[record.Name] = record.Id;
            }
        }
    }

    /// <summary>Adds a new container, durably.</summary>
    internal async Task AddAsync(Container container, CancellationToken cancellationToken)
    {
        await WriteAsync(container.Record, cancellationToken).ConfigureAwait(false);
        lock (_lock)
        {
            _byId[container.Id] = container;
        }
    }

    /// <summary>Changes a container's record, durably. The caller holds its turn. Not cancelled: half a change would be worse than a late one.</summary>
    internal async Task SaveAsync(Container container, ContainerRecord record)
    {
        await WriteAsync(record, CancellationToken.None).ConfigureAwait(false);
        container.Record = record;
    }

    internal async Task RemoveAsync(Container container)
    {
        await store.CommitAsync([new StoreOperation(Prefix + container.Id, null)], CancellationToken.None).ConfigureAwait(false);
        lock (_lock)
        {
            _byId.Remove(container.Id);
            _names.Remove(container.Record.Name);
        }
    }

    private async Task WriteAsync(ContainerRecord record, CancellationToken cancellationToken)
    {
        byte[] value = JsonSerializer.SerializeToUtf8Bytes(record, EngineJson.Default.ContainerRecord);
        await store.CommitAsync([new StoreOperation(Prefix + record.Id, value)], cancellationToken).ConfigureAwait(false);
    }
}
