namespace Gantry.Kube.Api.Tests.Requests;

public sealed class WriteTests(ClusterFixture fixture) : IClassFixture<ClusterFixture>
{
    private const string Maps = "/api/v1/namespaces/default/configmaps";
    private const string Deployments = "/apis/apps/v1/namespaces/default/deployments";
    private const string Pods = "/api/v1/namespaces/default/pods";

    [Fact]
    public async Task Create_SameNameTwice_IsAlreadyExists()
    {
        await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("twice"));
        var (code, body) = await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("twice"));

        Assert.Equal(409, code);
        Assert.Equal("configmaps \"twice\" already exists", (string?)body["message"]);
        Assert.Equal("AlreadyExists", (string?)body["reason"]);
    }

    [Fact]
    public async Task Update_StaleResourceVersion_IsConflictAndChangesNothing()
    {
        var (_, made) = await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("stale"));
        made["data"]!["k"] = "second";
        await fixture.CallAsync("PUT", Maps + "/stale", made.ToJsonString());
        made["data"]!["k"] = "third";
        var (code, body) = await fixture.CallAsync("PUT", Maps + "/stale", made.ToJsonString());

        Assert.Equal(409, code);
        Assert.Equal("Operation cannot be fulfilled on configmaps \"stale\": the object has been modified; please apply your changes to the latest version and try again", (string?)body["message"]);
        Assert.Equal("second", (string?)(await fixture.CallAsync("GET", Maps + "/stale")).Body["data"]!["k"]);
    }

    [Fact]
    public async Task Update_WithoutChange_KeepsTheResourceVersion()
    {
        var (_, made) = await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("same"));
        var (_, updated) = await fixture.CallAsync("PUT", Maps + "/same", made.ToJsonString());

        Assert.Equal((string?)made["metadata"]!["resourceVersion"], (string?)updated["metadata"]!["resourceVersion"]);
    }

    [Fact]
    public async Task Create_TenInvalidFields_GivesTenCauses()
    {
        const string Bad = """
            {"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"Bad_Name","labels":{"a":"!"}},"spec":{"replicas":-1,"minReadySeconds":-1,"revisionHistoryLimit":-1,
            "selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"b"}},"spec":{"restartPolicy":"Never",
            "containers":[{"name":"A","image":"","ports":[{"containerPort":99999}]},{"name":"c","image":"i","imagePullPolicy":"Sometimes","volumeMounts":[{"name":"none","mountPath":"/x"}]}]}}}}
            """;
        var (code, body) = await fixture.CallAsync("POST", Deployments, Bad);
        var fields = body["details"]!["causes"]!.AsArray().Select(static c => (string?)c!["field"]).ToList();

        Assert.Equal(422, code);
        Assert.StartsWith("Deployment.apps \"Bad_Name\" is invalid: [", (string?)body["message"]);
        Assert.Contains("spec.replicas: Invalid value: -1: must be greater than or equal to 0", (string?)body["message"]);
        foreach (var field in (string[])["metadata.name", "metadata.labels", "spec.replicas", "spec.minReadySeconds", "spec.revisionHistoryLimit", "spec.template.metadata.labels",
            "spec.template.spec.restartPolicy", "spec.template.spec.containers[0].name", "spec.template.spec.containers[0].image",
            "spec.template.spec.containers[0].ports[0].containerPort", "spec.template.spec.containers[1].imagePullPolicy", "spec.template.spec.containers[1].volumeMounts[0].name"])
        {
            Assert.Contains(field, fields);
        }
    }

    [Theory]
    [InlineData("Strict", 400)]
    [InlineData("Warn", 201)]
    [InlineData("Ignore", 201)]
    public async Task Create_UnknownAndDuplicateFields_FollowsFieldValidation(string validation, int expected)
    {
        var name = "fields-" + validation.ToLowerInvariant();
        var body = $$$"""{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"{{{name}}}"},"data":{"a":"1"},"data":{"a":"2"},"surprise":1}""";
        using var admin = fixture.Cluster.Admin();
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var response = await admin.PostAsync($"{Maps}?fieldValidation={validation}", content);
        var text = await response.Content.ReadAsStringAsync();

        Assert.Equal(expected, (int)response.StatusCode);
        var warnings = response.Headers.TryGetValues("Warning", out var values) ? values.ToList() : [];
        switch (validation)
        {
            case "Strict":
                Assert.Contains("strict decoding error: unknown field \\\"surprise\\\", duplicate field \\\"data\\\"", text);
                break;
            case "Warn":
                Assert.Equal(["299 - \"unknown field \\\"surprise\\\"\"", "299 - \"duplicate field \\\"data\\\"\""], warnings);
                break;
            default:
                Assert.Empty(warnings);
                break;
        }
    }

    [Fact]
    public async Task Create_YamlWithDuplicateKeyUnderStrict_IsRefused()
    {
        var (code, body) = await fixture.CallAsync("POST", Maps + "?fieldValidation=Strict", "kind: ConfigMap\napiVersion: v1\nmetadata: {name: y}\ndata:\n  a: x\n  a: y\n", "application/yaml");

        Assert.Equal(400, code);
        Assert.Contains("duplicate field \"data.a\"", (string?)body["message"]);
    }

    [Fact]
    public async Task Create_WrongType_NamesTheField()
    {
        var (code, body) = await fixture.CallAsync("POST", Deployments, """{"metadata":{"name":"x"},"spec":{"replicas":"three"}}""");

        Assert.Equal(400, code);
        Assert.Equal("Deployment in version \"v1\" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32", (string?)body["message"]);
    }

    [Fact]
    public async Task Create_DryRun_StoresNothing()
    {
        var (code, body) = await fixture.CallAsync("POST", Maps + "?dryRun=All", ClusterFixture.ConfigMap("dry"));

        Assert.Equal(201, code);
        Assert.NotNull(body["metadata"]!["uid"]);
        Assert.Equal(404, (await fixture.CallAsync("GET", Maps + "/dry")).Code);
    }

    [Fact]
    public async Task Create_GenerateName_AddsFiveCharacters()
    {
        var (_, body) = await fixture.CallAsync("POST", Maps, """{"metadata":{"generateName":"gen-"}}""");

        Assert.Matches("^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$", (string?)body["metadata"]!["name"]);
    }

    [Fact]
    public async Task Status_Update_ChangesOnlyTheStatus()
    {
        await fixture.CallAsync("POST", Deployments, ClusterFixture.Deployment("isolated"));
        await fixture.CallAsync("PATCH", Deployments + "/isolated/status", """{"spec":{"replicas":9},"status":{"replicas":4}}""", "application/merge-patch+json");
        await fixture.CallAsync("PATCH", Deployments + "/isolated", """{"spec":{"replicas":2},"status":{"replicas":7}}""", "application/merge-patch+json");
        var (_, body) = await fixture.CallAsync("GET", Deployments + "/isolated");

        Assert.Equal(2, (int?)body["spec"]!["replicas"]);
        Assert.Equal(4, (int?)body["status"]!["replicas"]);
        Assert.Equal(2, (int?)body["metadata"]!["generation"]);
    }

    [Fact]
    public async Task Pod_SpecChange_IsForbiddenButForTheImage()
    {
        await fixture.CallAsync("POST", Pods, ClusterFixture.Pod("fixed"));
        var (code, body) = await fixture.CallAsync("PATCH", Pods + "/fixed", """{"spec":{"dnsPolicy":"None"}}""", "application/merge-patch+json");
        var (image, _) = await fixture.CallAsync("PATCH", Pods + "/fixed", """{"spec":{"containers":[{"name":"c","image":"other"}]}}""", "application/strategic-merge-patch+json");

        Assert.Equal(422, code);
        Assert.StartsWith("Pod \"fixed\" is invalid: spec: Forbidden: pod updates may not change fields other than", (string?)body["message"]);
        Assert.Equal(200, image);
    }

    [Fact]
    public async Task Delete_BoundPod_WaitsForTheKubelet()
    {
        await fixture.CallAsync("POST", Pods, ClusterFixture.Pod("graceful"));
        var (bound, _) = await fixture.CallAsync("POST", Pods + "/graceful/binding", """{"target":{"kind":"Node","name":"n"}}""");
        var (again, refused) = await fixture.CallAsync("POST", Pods + "/graceful/binding", """{"target":{"kind":"Node","name":"m"}}""");
        await fixture.CallAsync("DELETE", Pods + "/graceful");
        var (_, waiting) = await fixture.CallAsync("GET", Pods + "/graceful");
        await fixture.CallAsync("DELETE", Pods + "/graceful?gracePeriodSeconds=0");

        Assert.Equal(201, bound);
        Assert.Equal(409, again);
        Assert.Contains("pod graceful is already assigned to node \"n\"", (string?)refused["message"]);
        Assert.Equal(30, (int?)waiting["metadata"]!["deletionGracePeriodSeconds"]);
        Assert.NotNull(waiting["metadata"]!["deletionTimestamp"]);
        Assert.Equal(404, (await fixture.CallAsync("GET", Pods + "/graceful")).Code);
    }

    [Fact]
    public async Task Delete_WithFinalizer_WaitsUntilItIsRemoved()
    {
        await fixture.CallAsync("POST", Maps, """{"metadata":{"name":"held","finalizers":["example.com/hold"]}}""");
        await fixture.CallAsync("DELETE", Maps + "/held");
        var (_, held) = await fixture.CallAsync("GET", Maps + "/held");
        var (added, _) = await fixture.CallAsync("PATCH", Maps + "/held", """{"metadata":{"finalizers":["example.com/hold","example.com/more"]}}""", "application/merge-patch+json");
        await fixture.CallAsync("PATCH", Maps + "/held", """{"metadata":{"finalizers":null}}""", "application/merge-patch+json");

        Assert.NotNull(held["metadata"]!["deletionTimestamp"]);
        Assert.Equal(422, added);
        Assert.Equal(404, (await fixture.CallAsync("GET", Maps + "/held")).Code);
    }

    [Fact]
    public async Task Delete_WrongUidPrecondition_IsConflict()
    {
        await fixture.CallAsync("POST", Maps, ClusterFixture.ConfigMap("precious"));
        var (code, body) = await fixture.CallAsync("DELETE", Maps + "/precious", """{"preconditions":{"uid":"other"}}""");

        Assert.Equal(409, code);
        Assert.Contains("Precondition failed: UID in precondition: other", (string?)body["message"]);
    }

    [Fact]
    public async Task Namespace_Deleted_TakesNothingNewAndGoesWhenFinalized()
    {
        await fixture.CallAsync("POST", "/api/v1/namespaces", """{"metadata":{"name":"doomed"}}""");
        var (_, account) = await fixture.CallAsync("GET", "/api/v1/namespaces/doomed/serviceaccounts/default");
        await fixture.CallAsync("DELETE", "/api/v1/namespaces/doomed");
        var (code, body) = await fixture.CallAsync("POST", "/api/v1/namespaces/doomed/configmaps", ClusterFixture.ConfigMap("late"));
        var (_, phase) = await fixture.CallAsync("GET", "/api/v1/namespaces/doomed");
        await fixture.CallAsync("PUT", "/api/v1/namespaces/doomed/finalize", """{"metadata":{"name":"doomed"},"spec":{}}""");

        Assert.Equal("default", (string?)account["metadata"]!["name"]);
        Assert.Equal(403, code);
        Assert.Equal("configmaps \"late\" is forbidden: unable to create new content in namespace doomed because it is being terminated", (string?)body["message"]);
        Assert.Equal("Terminating", (string?)phase["status"]!["phase"]);
        Assert.Equal(404, (await fixture.CallAsync("GET", "/api/v1/namespaces/doomed")).Code);
    }

    [Theory]
    [InlineData("serviceaccounts", "default")]
    [InlineData("configmaps", "kube-root-ca.crt")]
    public async Task NamespaceContents_Deleted_ComeBack(string plural, string name)
    {
        var (_, before) = await fixture.CallAsync("GET", $"/api/v1/namespaces/kube-public/{plural}/{name}");
        await fixture.CallAsync("DELETE", $"/api/v1/namespaces/kube-public/{plural}/{name}");
        var (code, after) = await fixture.CallAsync("GET", $"/api/v1/namespaces/kube-public/{plural}/{name}");

        Assert.Equal(200, code);
        Assert.NotEqual((string?)before["metadata"]!["uid"], (string?)after["metadata"]!["uid"]);
    }

    [Fact]
    public async Task Names_Invalid_AreExplainedInUpstreamsWords()
    {
        var (_, body) = await fixture.CallAsync("POST", Pods, """{"metadata":{"name":"n"},"spec":{"containers":[{"name":"A","image":"i"}]}}""");

        Assert.Equal(
            "Pod \"n\" is invalid: spec.containers[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
            (string?)body["message"]);
    }

    [Fact]
    public async Task Namespace_DefaultDeleted_IsForbidden()
        => Assert.Equal("namespaces \"default\" is forbidden: this namespace may not be deleted", (string?)(await fixture.CallAsync("DELETE", "/api/v1/namespaces/default")).Body["message"]);

    [Fact]
    public async Task Eviction_OfAPod_DeletesIt()
    {
        await fixture.CallAsync("POST", Pods, ClusterFixture.Pod("evicted"));
        var (code, _) = await fixture.CallAsync("POST", Pods + "/evicted/eviction", """{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"evicted"}}""");

        Assert.Equal(201, code);
        Assert.Equal(404, (await fixture.CallAsync("GET", Pods + "/evicted")).Code);
    }

    [Fact]
    public async Task Scale_Update_ChangesReplicas()
    {
        await fixture.CallAsync("POST", Deployments, ClusterFixture.Deployment("scaled"));
        var (_, scale) = await fixture.CallAsync("GET", Deployments + "/scaled/scale");
        scale["spec"]!["replicas"] = 5;
        var (code, _) = await fixture.CallAsync("PUT", Deployments + "/scaled/scale", scale.ToJsonString());

        Assert.Equal("app=scaled", (string?)scale["status"]!["selector"]);
        Assert.Equal(200, code);
        Assert.Equal(5, (int?)(await fixture.CallAsync("GET", Deployments + "/scaled")).Body["spec"]!["replicas"]);
    }

    [Fact]
    public async Task Selector_Change_IsImmutable()
    {
        await fixture.CallAsync("POST", Deployments, ClusterFixture.Deployment("chosen"));
        var (code, body) = await fixture.CallAsync("PATCH", Deployments + "/chosen", """{"spec":{"selector":{"matchLabels":{"app":"b"}},"template":{"metadata":{"labels":{"app":"b"}}}}}""", "application/merge-patch+json");

        Assert.Equal(422, code);
        Assert.Equal("Deployment.apps \"chosen\" is invalid: spec.selector: Invalid value: v1.LabelSelector{MatchLabels:map[string]string{\"app\":\"b\"}, MatchExpressions:[]v1.LabelSelectorRequirement(nil)}: field is immutable", (string?)body["message"]);
    }

    [Fact]
    public async Task Events_OfBothGroups_AreTheSameObjects()
    {
        await fixture.CallAsync("POST", "/api/v1/namespaces/default/events", """{"metadata":{"name":"e1"},"involvedObject":{"kind":"Pod","name":"p","namespace":"default"},"reason":"R","message":"M","type":"Normal","count":3}""");
        var (_, body) = await fixture.CallAsync("GET", "/apis/events.k8s.io/v1/namespaces/default/events/e1");
        var (_, list) = await fixture.CallAsync("GET", "/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=p,reason=R");

        Assert.Equal("M", (string?)body["note"]);
        Assert.Equal("p", (string?)body["regarding"]!["name"]);
        Assert.Equal("events.k8s.io/v1", (string?)body["apiVersion"]);
        Assert.Single(list["items"]!.AsArray());
    }
}
