using System.Net;
using Gantry.Kube.Api;
using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Client;
using Gantry.Kube.Client.Events;
using Gantry.Kube.Client.Informers;
using Gantry.Store.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gantry.Kube.Controllers.Tests;

/// <summary>A store and an API server without sockets, in a directory of their own, with informers to work on.</summary>
internal sealed class ApiInProcess : IAsyncDisposable
{
    private readonly string _root;
    private readonly SqliteStore _store;
    private readonly ClusterCertificates _certificates;
    private readonly KubeApiServer _server;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];

    private ApiInProcess(string root)
    {
        _root = root;
        _store = SqliteStore.Open(new SqliteStoreOptions(Path.Combine(root, "store.db")));
        _certificates = ClusterCertificates.Open(Path.Combine(root, "pki"), ["localhost"], [IPAddress.Loopback]);
        _server = new KubeApiServer(_store, _certificates);
        Client = _server.CreateClient("system:test");
        Informers = new InformerSet(Client, NullLoggerFactory.Instance);
        Events = new EventRecorder(Client, NullLogger<EventRecorder>.Instance);
    }

    public IKubeClient Client { get; }

    public InformerSet Informers { get; }

    public EventRecorder Events { get; }

    public static async Task<ApiInProcess> OpenAsync()
    {
        var api = new ApiInProcess(Directory.CreateTempSubdirectory("kube-rooms-test-").FullName);
        await api._server.BootstrapAsync(6443);
        return api;
    }

    /// <summary>Runs the informers and then what works on them.</summary>
    public async Task StartAsync(params Func<CancellationToken, Task>[] rooms)
    {
        _running.Add(Informers.RunAsync(_stop.Token));
        await Informers.WaitForSyncAsync(_stop.Token);
        _running.Add(Events.RunAsync(_stop.Token));
        _running.AddRange(rooms.Select(room => room(_stop.Token)));
    }

    /// <summary>Waits for a condition, generously: a minute.</summary>
    public static async Task<T> UntilAsync<T>(Func<Task<T>> read, Func<T, bool> holds, string what)
    {
        for (var attempt = 0; ; attempt++)
        {
            var value = await read();
            if (holds(value))
            {
                return value;
            }

            Assert.True(attempt < 3000, $"never came: {what}");
            await Task.Delay(20);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _server.DisposeAsync();
        await _store.DisposeAsync();
        _certificates.Dispose();
        _stop.Dispose();
        Directory.Delete(_root, recursive: true);
    }
}
