using Gantry.Faults;
using Gantry.Store.Sqlite;

namespace Gantry.Store.Tests.Host;

/// <summary>Serves one store on a pipe until the pipe or the process ends; every request is answered when it is done, in any order.</summary>
internal static class StoreHost
{
    public static async Task RunAsync(string path, Stream input, Stream output)
    {
        await using var store = SqliteStore.Open(new SqliteStoreOptions(path));
        using var reader = new BinaryReader(input);
        using var writer = new BinaryWriter(new BufferedStream(output));
        Send(writer, 0, Wire.Answer, _ => { });
        try
        {
            while (true)
            {
                var id = reader.ReadInt32();
                Serve(store, writer, id, reader.ReadByte(), reader);
            }
        }
        catch (EndOfStreamException)
        {
            // Whoever started this process is done with it.
        }
    }

    private static void Serve(SqliteStore store, BinaryWriter writer, int id, byte kind, BinaryReader reader)
    {
        switch (kind)
        {
            case Wire.Commit:
                var operations = Enumerable.Range(0, reader.ReadInt32()).Select(_ => new StoreOperation(reader.ReadString(), Wire.ReadBytes(reader), reader.ReadInt64() is >= 0 and var expected ? expected : null)).ToList();
                _ = AnswerAsync(writer, id, async () => await store.CommitAsync(operations), (answer, commit) =>
                {
                    answer.Write(commit.Revision);
                    answer.Write(commit.FailedOperation);
                    Wire.WriteEntry(answer, commit.Present);
                });
                break;
            case Wire.Get:
                var key = reader.ReadString();
                _ = AnswerAsync(writer, id, async () => await store.GetAsync(key), Wire.WriteEntry);
                break;
            case Wire.Range:
                var prefix = reader.ReadString();
                _ = AnswerAsync(writer, id, async () => await store.RangeAsync(new StoreRange(prefix)), (answer, page) =>
                {
                    answer.Write(page.Revision);
                    answer.Write(page.Entries.Count);
                    page.Entries.ToList().ForEach(entry => Wire.WriteEntry(answer, entry));
                });
                break;
            default:
                var watched = reader.ReadString();
                var after = reader.ReadInt64();
                _ = Task.Run(() => WatchAsync(store, writer, id, watched, after));
                break;
        }
    }

    private static async Task WatchAsync(SqliteStore store, BinaryWriter writer, int id, string prefix, long after)
    {
        try
        {
            await using var watch = await store.WatchAsync(prefix, after);
            await foreach (var change in watch.Events.ReadAllAsync())
            {
                Send(writer, id, Wire.Event, answer =>
                {
                    answer.Write(change.Key);
                    answer.Write(change.Revision);
                    answer.Write(change.CreateRevision);
                    Wire.WriteBytes(answer, change.Value);
                    Wire.WriteBytes(answer, change.Previous);
                });
            }
        }
        catch (FaultException failure)
        {
            SendFault(writer, id, failure);
        }
    }

    private static async Task AnswerAsync<T>(BinaryWriter writer, int id, Func<Task<T>> work, Action<BinaryWriter, T> render)
    {
        try
        {
            var result = await work();
            Send(writer, id, Wire.Answer, answer => render(answer, result));
        }
        catch (FaultException failure)
        {
            SendFault(writer, id, failure);
        }
    }

    private static void SendFault(BinaryWriter writer, int id, FaultException failure) => Send(writer, id, Wire.Fault, answer =>
    {
        answer.Write((int)failure.Kind);
        answer.Write(failure.Message);
    });

    private static void Send(BinaryWriter writer, int id, byte kind, Action<BinaryWriter> render)
    {
        lock (writer)
        {
            writer.Write(id);
            writer.Write(kind);
            render(writer);
            writer.Flush();
        }
    }
}
