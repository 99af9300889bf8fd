using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Tables;

/// <summary>One column of a kind's table. Priority 1 columns show with <c>-o wide</c> only.</summary>
internal sealed record Column(string Name, Func<JsonMap, RowContext, object?> Cell, string Type = "string", string Format = "", int Priority = 0);

/// <summary>What a cell may need besides its object.</summary>
internal sealed record RowContext(DateTimeOffset Now);
