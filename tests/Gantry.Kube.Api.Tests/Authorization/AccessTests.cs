using Gantry.Kube.Model.Core.V1;

namespace Gantry.Kube.Api.Tests.Authorization;

public sealed class AccessTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    private const string Rbac = "/apis/rbac.authorization.k8s.io/v1";

    [Fact]
    public async Task User_WithoutRoles_GetsUpstreamsDenials()
    {
        using var user = As("nobody");
        var (code, list) = await fixture.CallAsync("GET", "/api/v1/namespaces/default/pods", client: user);
        var (_, get) = await fixture.CallAsync("GET", "/apis/apps/v1/namespaces/x/deployments/y", client: user);
        var (_, nodes) = await fixture.CallAsync("GET", "/api/v1/nodes", client: user);
        var (_, path) = await fixture.CallAsync("GET", "/metrics", client: user);

        Assert.Equal(403, code);
        Assert.Equal("pods is forbidden: User \"nobody\" cannot list resource \"pods\" in API group \"\" in the namespace \"default\"", (string?)list["message"]);
        Assert.Equal("deployments.apps \"y\" is forbidden: User \"nobody\" cannot get resource \"deployments\" in API group \"apps\" in the namespace \"x\"", (string?)get["message"]);
        Assert.Equal("nodes is forbidden: User \"nobody\" cannot list resource \"nodes\" in API group \"\" at the cluster scope", (string?)nodes["message"]);
        Assert.Equal("forbidden: User \"nobody\" cannot get path \"/metrics\"", (string?)path["message"]);
    }

    [Fact]
    public async Task Role_BoundInANamespace_HoldsThereOnly()
    {
        await fixture.CallAsync("POST", Rbac + "/namespaces/default/roles", """{"metadata":{"name":"reader"},"rules":[{"apiGroups":[""],"resources":["configmaps"],"resourceNames":["one"],"verbs":["get"]},{"apiGroups":[""],"resources":["pods","pods/log"],"verbs":["*"]}]}""");
        await fixture.CallAsync("POST", Rbac + "/namespaces/default/rolebindings", """{"metadata":{"name":"reader"},"roleRef":{"kind":"Role","name":"reader"},"subjects":[{"kind":"Group","name":"readers"}]}""");
        using var user = As("alice", "readers");
        await Eventually(async () => (await fixture.CallAsync("GET", "/api/v1/namespaces/default/pods", client: user)).Code == 200);

        Assert.Equal(403, (await fixture.CallAsync("GET", "/api/v1/namespaces/kube-system/pods", client: user)).Code);
        Assert.Equal(403, (await fixture.CallAsync("GET", "/api/v1/pods", client: user)).Code);
        Assert.Equal(404, (await fixture.CallAsync("GET", "/api/v1/namespaces/default/configmaps/one", client: user)).Code);
        Assert.Equal(403, (await fixture.CallAsync("GET", "/api/v1/namespaces/default/configmaps/two", client: user)).Code);
        Assert.Equal(403, (await fixture.CallAsync("GET", "/api/v1/namespaces/default/pods/p/exec", client: user)).Code);
    }

    [Fact]
    public async Task Grant_OfWhatOneDoesNotHave_IsForbidden()
    {
        await fixture.CallAsync("POST", Rbac + "/clusterroles", """{"metadata":{"name":"role-writer"},"rules":[{"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles","rolebindings"],"verbs":["create","list"]},{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}""");
        await fixture.CallAsync("POST", Rbac + "/clusterrolebindings", """{"metadata":{"name":"role-writer"},"roleRef":{"kind":"ClusterRole","name":"role-writer"},"subjects":[{"kind":"User","name":"wanda"}]}""");
        using var user = As("wanda");
        await Eventually(async () => (await fixture.CallAsync("GET", Rbac + "/namespaces/default/roles", client: user)).Code == 200);
        var (held, _) = await fixture.CallAsync("POST", Rbac + "/namespaces/default/roles", """{"metadata":{"name":"held"},"rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]}""", client: user);
        var (more, body) = await fixture.CallAsync("POST", Rbac + "/namespaces/default/roles", """{"metadata":{"name":"more"},"rules":[{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}]}""", client: user);
        var (bound, _) = await fixture.CallAsync("POST", Rbac + "/namespaces/default/rolebindings", """{"metadata":{"name":"self"},"roleRef":{"kind":"ClusterRole","name":"cluster-admin"},"subjects":[{"kind":"User","name":"wanda"}]}""", client: user);

        Assert.Equal(201, held);
        Assert.Equal(403, more);
        Assert.Contains("user \"wanda\" (groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}", (string?)body["message"]);
        Assert.Equal(403, bound);
    }

    [Theory]
    [InlineData("/healthz", 200)]
    [InlineData("/version", 200)]
    [InlineData("/api", 403)]
    [InlineData("/api/v1/namespaces", 403)]
    public async Task Anonymous_SeesOnlyWhatIsPublic(string path, int expected)
    {
        using var nobody = fixture.Cluster.Http();

        Assert.Equal(expected, (await fixture.CallAsync("GET", path, client: nobody)).Code);
    }

    [Fact]
    public async Task Token_Wrong_IsUnauthorized()
    {
        using var http = fixture.Cluster.Http();
        http.DefaultRequestHeaders.Authorization = new("Bearer", "eyJhbGciOiJFUzI1NiJ9.e30.AAAA");
        var (code, body) = await fixture.CallAsync("GET", "/api", client: http);

        Assert.Equal(401, code);
        Assert.Equal("Unauthorized", (string?)body["message"]);
    }

    [Fact]
    public async Task Token_OfAServiceAccount_AuthenticatesUntilItsPodIsGone()
    {
        await fixture.Cluster.Client.CreateAsync(new Pod { Metadata = { Name = "holder", Namespace = "default" }, Spec = new() { Containers = [new() { Name = "c", Image = "i" }] } });
        var (_, issued) = await fixture.CallAsync("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", """{"spec":{"audiences":[],"boundObjectRef":{"kind":"Pod","apiVersion":"v1","name":"holder"}}}""");
        using var http = fixture.Cluster.Http();
        http.DefaultRequestHeaders.Authorization = new("Bearer", (string?)issued["status"]!["token"]);
        var (code, self) = await fixture.CallAsync("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}", client: http);
        await fixture.Cluster.Client.DeleteAsync<Pod>("default", "holder");

        Assert.Equal(201, code);
        Assert.Equal("system:serviceaccount:default:default", (string?)self["status"]!["userInfo"]!["username"]);
        Assert.Equal(["system:serviceaccounts", "system:serviceaccounts:default", "system:authenticated"], self["status"]!["userInfo"]!["groups"]!.AsArray().Select(static g => (string?)g));
        Assert.Equal("holder", (string?)self["status"]!["userInfo"]!["extra"]!["authentication.kubernetes.io/pod-name"]![0]);
        Assert.Equal(401, (await fixture.CallAsync("GET", "/api", client: http)).Code);
    }

    [Fact]
    public async Task Token_ForAnotherAudience_IsNotAcceptedHere()
    {
        var (_, issued) = await fixture.CallAsync("POST", "/api/v1/namespaces/default/serviceaccounts/default/token", """{"spec":{"audiences":["vault"]}}""");
        var token = (string?)issued["status"]!["token"];
        using var http = fixture.Cluster.Http();
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        var (_, review) = await fixture.CallAsync("POST", "/apis/authentication.k8s.io/v1/tokenreviews", $$$"""{"spec":{"token":"{{{token}}}","audiences":["vault"]}}""");

        Assert.Equal(401, (await fixture.CallAsync("GET", "/api", client: http)).Code);
        Assert.True((bool?)review["status"]!["authenticated"]);
    }

    [Fact]
    public async Task Certificate_OfAnotherAuthority_IsUnauthorized()
    {
        var directory = Directory.CreateTempSubdirectory("kube-api-pki-").FullName;
        using (var other = Authentication.ClusterCertificatesAccess.Open(directory))
        {
            using var http = fixture.Cluster.Http(other.Admin);
            Assert.Equal(401, (await fixture.CallAsync("GET", "/api", client: http)).Code);
        }

        Directory.Delete(directory, recursive: true);
    }

    [Fact]
    public async Task Impersonation_NeedsThePermission()
    {
        using var user = As("mallory");
        user.DefaultRequestHeaders.Add("Impersonate-User", "kubernetes-admin");
        var (code, body) = await fixture.CallAsync("GET", "/api/v1/pods", client: user);

        Assert.Equal(403, code);
        Assert.Equal("users \"kubernetes-admin\" is forbidden: User \"mallory\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope", (string?)body["message"]);
    }

    private HttpClient As(string name, params string[] groups)
    {
        using var certificate = fixture.Cluster.Certificates.IssueClient(name, groups);
        return fixture.Cluster.Http(certificate);
    }

    private static async Task Eventually(Func<Task<bool>> condition)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(10));
        while (!await condition())
        {
            await Task.Delay(5, limit.Token);
        }
    }
}
