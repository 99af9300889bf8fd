using Gantry.Kube.Api.Authentication;
using Gantry.Kube.Api.Authorization;
using Gantry.Kube.Api.Bootstrap;
using Gantry.Kube.Api.History;
using Gantry.Kube.Api.Http;
using Gantry.Kube.Api.InProcess;
using Gantry.Kube.Api.Requests;
using Gantry.Kube.Api.Streaming;
using Gantry.Kube.Client;
using Gantry.Store;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gantry.Kube.Api;

/// <summary>
/// The Kubernetes API over a store. It owns no socket: the daemon's Kestrel calls <see cref="HandleAsync"/> (client
/// certificates allowed but not verified by TLS: they are verified here), and components in the process use
/// <see cref="CreateClient"/>. Dispose it before the store.
/// </summary>
public sealed class KubeApiServer : IAsyncDisposable
{
    private readonly ServerCore _core;
    private readonly SubresourceService _subresources;
    private readonly StreamHandler _streams;
    private readonly KubeApiHandler _handler;
    private readonly EventExpiry _expiry;

    /// <summary>Makes a server; nothing is read or written before <see cref="BootstrapAsync"/>.</summary>
    public KubeApiServer(IStore store, ClusterCertificates certificates, KubeApiOptions? options = null, ILoggerFactory? loggers = null)
    {
        options ??= new KubeApiOptions();
        _core = new ServerCore(store, options) { AuthorityPem = certificates.AuthorityPem };
        _subresources = new SubresourceService(_core);
        var tokens = new TokenAuthority(_core, certificates.ServiceAccountKey, options.Issuer);
        _subresources.TokenIssuer = tokens.IssueAsync;
        var authorizer = new RbacAuthorizer(_core);
        _core.AddAdmission(new EscalationCheck(authorizer, _core));
        _streams = new StreamHandler(_core);
        _handler = new KubeApiHandler(
            _core,
            new RequestAuthenticator(certificates.Authority, tokens, options.BootstrapToken, options.Time),
            authorizer,
            new ResourceHandler(_core),
            new SubresourceHandler(_core, _subresources),
            new ReviewHandler(_core, _subresources, authorizer, tokens),
            _streams,
            new DocumentHandler(_core, tokens),
            (loggers ?? NullLoggerFactory.Instance).CreateLogger<KubeApiServer>());
        _expiry = new EventExpiry(_core);
    }

    /// <summary>Finds the kubelet of a node by name; set it before pods run. Null: the node cannot be reached.</summary>
    public Func<string, INodeProxy?> Nodes
    {
        get => _streams.Nodes;
        set => _streams.Nodes = value;
    }

    /// <summary>
    /// Makes what every cluster has and what is missing: the namespaces default, kube-system, kube-public and
    /// kube-node-lease with their default service accounts and CA bundles, the service <c>kubernetes</c>, and the default roles and bindings. Idempotent; also starts the expiry of events.
    /// </summary>
    public async Task BootstrapAsync(int securePort, CancellationToken cancellationToken = default)
    {
        await new ClusterBootstrap(_core, securePort).RunAsync(cancellationToken).ConfigureAwait(false);
        _expiry.Start();
    }

    /// <summary>A client in the process; <paramref name="component"/> is its user name, as <c>system:kube-scheduler</c>.</summary>
    public IKubeClient CreateClient(string component) => new InProcessKubeClient(_core, _subresources, UserInfo.System(component));

    /// <summary>What the cluster was, by the history of the store.</summary>
    public ClusterHistory OpenHistory(IStoreHistory history) => new(_core, history);

    /// <summary>Serves one HTTP request, of any path; completes when the response (also a watch or stream) has ended.</summary>
    public Task HandleAsync(HttpContext context) => _handler.HandleAsync(context);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _expiry.DisposeAsync().ConfigureAwait(false);
        await _core.DisposeAsync().ConfigureAwait(false);
    }
}
