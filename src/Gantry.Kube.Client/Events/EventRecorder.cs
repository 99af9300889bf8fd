using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Threading.Channels;
using Gantry.Faults;
using Gantry.Kube.Model;
using Gantry.Kube.Model.Core.V1;
using Microsoft.Extensions.Logging;

namespace Gantry.Kube.Client.Events;

/// <summary>
/// Records what happened to an object as core/v1 Events. The same event of the same object again raises the count of the
/// one that is there. Recording never waits and never fails its caller: beyond the queue's bound events are dropped.
/// </summary>
public sealed partial class EventRecorder(IKubeClient client, ILogger<EventRecorder> logger, TimeProvider? time = null)
{
    private readonly TimeProvider _time = time ?? TimeProvider.System;

    // Events are a courtesy: when 1,000 wait, the API is in trouble, and the newest are dropped.
    private readonly Channel<(Event Event, string Key)> _queue = Channel.CreateBounded<(Event, string)>(
        new BoundedChannelOptions(1000) { SingleReader = true, FullMode = BoundedChannelFullMode.DropWrite });

    private readonly ConcurrentDictionary<string, (string Name, int Count)> _recent = new(StringComparer.Ordinal);

    /// <summary>Records an event; <paramref name="type"/> is Normal or Warning.</summary>
    public void Record(IKubeObject about, string component, string type, string reason, string message, string? host = null, string? fieldPath = null)
    {
        var now = _time.GetUtcNow();
        var metadata = about.Metadata;
        var key = string.Join('\0', metadata.Uid, component, type, reason, message, fieldPath);
        var record = new Event
        {
            Metadata = new() { Namespace = metadata.Namespace ?? "default", Name = EventName(metadata.Name!, now) },
            InvolvedObject = new()
            {
                Kind = about.Resource.Kind,
                ApiVersion = about.Resource.ApiVersion,
                Namespace = metadata.Namespace,
                Name = metadata.Name,
                Uid = metadata.Uid,
                ResourceVersion = metadata.ResourceVersion,
                FieldPath = fieldPath,
            },
            Reason = reason,
            Message = message,
            Type = type,
            Count = 1,
            FirstTimestamp = now,
            LastTimestamp = now,
            Source = new() { Component = component, Host = host },
            ReportingComponent = component,
            ReportingInstance = host ?? "",
        };
        _queue.Writer.TryWrite((record, key));
    }

    /// <summary>Writes what is recorded until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        try
        {
            await foreach (var (record, key) in _queue.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                await WriteAsync(record, key, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // Stopping.
        }
    }

    private async Task WriteAsync(Event record, string key, CancellationToken cancellationToken)
    {
        try
        {
            if (_recent.TryGetValue(key, out var recent) && await RaiseCountAsync(record, recent, key, cancellationToken).ConfigureAwait(false))
            {
                return;
            }

            // Objects without a namespace have their events in "default", as with the upstream recorder.
            await client.CreateAsync(record, cancellationToken).ConfigureAwait(false);
            if (_recent.Count > 4096)
            {
                _recent.Clear();
            }

            _recent[key] = (record.Metadata.Name!, 1);
        }
        catch (FaultException failure)
        {
            // A namespace that is being deleted takes no events; anything else is worth a line.
            if (failure.Kind is not (FaultKind.NotFound or FaultKind.PermissionDenied))
            {
                LogWriteFailed(logger, record.Reason!, failure);
            }
        }
    }

    private async Task<bool> RaiseCountAsync(Event record, (string Name, int Count) recent, string key, CancellationToken cancellationToken)
    {
        var count = recent.Count + 1;
        var patch = string.Create(CultureInfo.InvariantCulture, $"{{\"count\":{count},\"lastTimestamp\":\"{KubeTime.Format(record.LastTimestamp!.Value)}\"}}");
        try
        {
            await client.PatchAsync<Event>(record.Metadata.Namespace, recent.Name, new KubePatch(KubePatchType.Merge, Encoding.UTF8.GetBytes(patch)), null, cancellationToken).ConfigureAwait(false);
            _recent[key] = recent with { Count = count };
            return true;
        }
        catch (FaultException failure) when (failure.Kind == FaultKind.NotFound)
        {
            _recent.TryRemove(key, out _);
            return false;
        }
    }

    private static string EventName(string name, DateTimeOffset now)
    {
        // Upstream's form: the object's name, a dot, and a hexadecimal that makes it unique.
        var suffix = (now.Ticks ^ ((long)RandomNumberGenerator.GetInt32(1 << 16) << 48)).ToString("x16", CultureInfo.InvariantCulture);
        return $"{name}.{suffix}";
    }

    [LoggerMessage(4020, LogLevel.Warning, "Event {Reason} could not be written")]
    private static partial void LogWriteFailed(ILogger logger, string reason, Exception failure);
}
