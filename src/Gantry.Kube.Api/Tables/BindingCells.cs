using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Tables;

/// <summary>The cells of role bindings.</summary>
internal static class BindingCells
{
    public static Column[] Columns(Column name, Column age) =>
    [
        name,
        new("Role", static (b, _) => $"{b.Map("roleRef")?.Text("kind")}/{b.Map("roleRef")?.Text("name")}"),
        age,
        new("Users", static (b, _) => Subjects(b, "User"), Priority: 1),
        new("Groups", static (b, _) => Subjects(b, "Group"), Priority: 1),
        new("ServiceAccounts", static (b, _) => Subjects(b, "ServiceAccount"), Priority: 1),
    ];

    private static string Subjects(JsonMap binding, string kind)
        => string.Join(", ", binding.Maps("subjects").Where(s => s.Text("kind") == kind)
            .Select(s => kind == "ServiceAccount" ? $"{s.Text("namespace")}/{s.Text("name")}" : s.Text("name")));
}
