using System.Collections.Concurrent;
using System.Globalization;
using Gantry.Faults;
using Gantry.Images;
using Gantry.Images.Content;
using Gantry.Oci;
using Microsoft.AspNetCore.Http;

namespace Gantry.Registry;

/// <summary>
/// Uploads of blobs. A session lives in memory until it is completed, cancelled, or idle for too long; after a restart it is
/// unknown, and the client begins again, as the specification allows.
/// </summary>
internal sealed class UploadEndpoints(ImageService images, TimeProvider time)
{
    private static readonly TimeSpan s_idleLimit = TimeSpan.FromHours(1);
    private readonly ConcurrentDictionary<string, Session> _sessions = new(StringComparer.Ordinal);

    public async Task StartAsync(HttpContext context, string name)
    {
        RemoveIdle();
        var query = context.Request.Query;
        if (query.TryGetValue("mount", out var mount))
        {
            var digest = BlobEndpoints.ParseDigest(mount.ToString());
            using var lease = images.Content.CreateLease();
            // One store lies under all repositories, so whichever has the blob will do.
            if (lease.TryPin(digest))
            {
                await images.Repositories.LinkBlobsAsync(name, [digest], context.RequestAborted).ConfigureAwait(false);
                Created(context, name, digest);
                return;
            }
        }
        var session = new Session(name, images.Content.BeginIngest()) { LastUsed = time.GetUtcNow() };
        if (query.TryGetValue("digest", out var whole))
        {
            using (session)
            {
                await FinishAsync(context, session, BlobEndpoints.ParseDigest(whole.ToString())).ConfigureAwait(false);
            }
            return;
        }
        var id = Guid.NewGuid().ToString();
        _sessions[id] = session;
        Accepted(context, name, id, session, StatusCodes.Status202Accepted);
    }

    public Task StatusAsync(HttpContext context, string name, string id) => WithAsync(name, id, session =>
    {
        Accepted(context, name, id, session, StatusCodes.Status204NoContent);
        return Task.CompletedTask;
    });

    public Task AppendAsync(HttpContext context, string name, string id) => WithAsync(name, id, async session =>
    {
        CheckRange(context, name, id, session);
        await session.Ingest.CopyFromAsync(context.Request.Body, null, context.RequestAborted).ConfigureAwait(false);
        Accepted(context, name, id, session, StatusCodes.Status202Accepted);
    });

    public Task CompleteAsync(HttpContext context, string name, string id) => WithAsync(name, id, async session =>
    {
        var digest = BlobEndpoints.ParseDigest(context.Request.Query["digest"].ToString());
        if (context.Request.ContentLength is not 0)
        {
            CheckRange(context, name, id, session);
        }
        try
        {
            await FinishAsync(context, session, digest).ConfigureAwait(false);
        }
        finally
        {
            _sessions.TryRemove(id, out _);
            session.Dispose();
        }
    });

    public Task CancelAsync(HttpContext context, string name, string id) => WithAsync(name, id, session =>
    {
        _sessions.TryRemove(id, out _);
        session.Dispose();
        context.Response.StatusCode = StatusCodes.Status204NoContent;
        return Task.CompletedTask;
    });

    private async Task FinishAsync(HttpContext context, Session session, Digest digest)
    {
        await session.Ingest.CopyFromAsync(context.Request.Body, null, context.RequestAborted).ConfigureAwait(false);
        using var lease = images.Content.CreateLease();
        try
        {
            await session.Ingest.CommitAsync(lease, digest, null, context.RequestAborted).ConfigureAwait(false);
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.DataLoss)
        {
            throw RegistryException.DigestInvalid(fault.Message);
        }
        await images.Repositories.LinkBlobsAsync(session.Name, [digest], CancellationToken.None).ConfigureAwait(false);
        Created(context, session.Name, digest);
    }

    private async Task WithAsync(string name, string id, Func<Session, Task> action)
    {
        if (!_sessions.TryGetValue(id, out var session) || session.Name != name)
        {
            throw RegistryException.UploadUnknown(id);
        }
        await session.Turn.WaitAsync().ConfigureAwait(false);
        try
        {
            // Completed or cancelled while this request waited.
            if (!_sessions.ContainsKey(id))
            {
                throw RegistryException.UploadUnknown(id);
            }
            session.LastUsed = time.GetUtcNow();
            await action(session).ConfigureAwait(false);
        }
        finally
        {
            session.Turn.Release();
        }
    }

    // "Content-Range: <start>-<end>": a chunk must begin where the one before ended.
    private static void CheckRange(HttpContext context, string name, string id, Session session)
    {
        var header = context.Request.Headers.ContentRange.ToString();
        if (header.Length == 0)
        {
            return;
        }
        var range = (header.StartsWith("bytes ", StringComparison.Ordinal) ? header[6..] : header).Split('/')[0].Split('-');
        var valid = range.Length == 2
            && long.TryParse(range[0], NumberStyles.None, CultureInfo.InvariantCulture, out var start)
            && long.TryParse(range[1], NumberStyles.None, CultureInfo.InvariantCulture, out var end)
            && start == session.Ingest.Offset && end >= start
            && (context.Request.ContentLength is not { } length || length == end - start + 1);
        if (!valid)
        {
            Accepted(context, name, id, session, StatusCodes.Status416RangeNotSatisfiable);
            throw new RegistryException(416, "BLOB_UPLOAD_INVALID", "blob upload invalid: the chunk does not begin where the last ended", header);
        }
    }

    private static void Accepted(HttpContext context, string name, string id, Session session, int status)
    {
        context.Response.StatusCode = status;
        context.Response.Headers.Location = $"/v2/{name}/blobs/uploads/{id}";
        context.Response.Headers["Docker-Upload-Uuid"] = id;
        context.Response.Headers.Range = string.Create(CultureInfo.InvariantCulture, $"0-{Math.Max(0, session.Ingest.Offset - 1)}");
        context.Response.ContentLength = status == StatusCodes.Status202Accepted ? 0 : null;
    }

    private static void Created(HttpContext context, string name, Digest digest)
    {
        context.Response.StatusCode = StatusCodes.Status201Created;
        context.Response.Headers.Location = $"/v2/{name}/blobs/{digest}";
        context.Response.Headers["Docker-Content-Digest"] = digest.Value;
        context.Response.ContentLength = 0;
    }

    private void RemoveIdle()
    {
        var limit = time.GetUtcNow() - s_idleLimit;
        foreach (var (id, session) in _sessions)
        {
            if (session.LastUsed < limit && session.Turn.Wait(0))
            {
                _sessions.TryRemove(id, out _);
                session.Dispose();
                session.Turn.Release();
            }
        }
    }

    private sealed class Session(string name, ContentIngest ingest) : IDisposable
    {
        public string Name => name;

        public ContentIngest Ingest => ingest;

        // One request at a time appends.
        public SemaphoreSlim Turn { get; } = new(1, 1);

        public DateTimeOffset LastUsed { get; set; }

        public void Dispose() => ingest.Dispose();
    }
}
