using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Gantry.Docker.Model;
using Gantry.Engine;
using Gantry.Faults;
using Gantry.Images;
using Microsoft.AspNetCore.Http;

namespace Gantry.Docker.Protocol;

/// <summary>One request: its parameters, and how it is answered.</summary>
internal sealed class DockerRequest(HttpContext context, DockerServices services, ApiVersion version, IReadOnlyDictionary<string, string> values)
{
    private const int MaxBodySizeBytes = 4 << 20;

    internal HttpContext Context { get; } = context;

    internal DockerServices Services { get; } = services;

    internal ContainerEngine Engine => Services.Engine;

    internal ImageService Images => Services.Engine.Images;

    internal ApiVersion Version { get; } = version;

    internal CancellationToken Aborted => Context.RequestAborted;

    /// <summary>A part of the path.</summary>
    internal string this[string name] => values[name];

    /// <summary>A part of the path that the route may lack.</summary>
    internal string this[string name, string otherwise] => values.GetValueOrDefault(name, otherwise);

    internal string Query(string name, string otherwise = "") => Context.Request.Query.TryGetValue(name, out var found) ? found.ToString() : otherwise;

    internal bool Has(string name) => Context.Request.Query.ContainsKey(name);

    /// <summary>Docker's reading of a boolean: everything but empty, 0, no, false and none.</summary>
    internal bool Flag(string name, bool otherwise = false) =>
        Has(name) ? Query(name).Trim().ToLowerInvariant() is not ("" or "0" or "no" or "false" or "none") : otherwise;

    internal int? Number(string name)
    {
        string text = Query(name);
        return text.Length == 0 ? null
            : int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int number) ? number
            : throw new FaultException(FaultKind.InvalidArgument, $"strconv.Atoi: parsing \"{text}\": invalid syntax");
    }

    /// <summary>A time as seconds since 1970 with an optional fraction, or RFC 3339; null for none and zero.</summary>
    internal DateTimeOffset? Time(string name) => TimestampText.Parse(Query(name));

    /// <summary>The filters parameter: <c>{"name":["a"]}</c> or the older <c>{"name":{"a":true}}</c>.</summary>
    internal Filters Filters() => Protocol.Filters.Parse(Query("filters"));

    internal async Task<T> ReadAsync<T>(JsonTypeInfo<T> type)
        where T : class, new() => await ReadOptionalAsync(type).ConfigureAwait(false) ?? new T();

    /// <summary>The body; null when it is empty.</summary>
    internal async Task<T?> ReadOptionalAsync<T>(JsonTypeInfo<T> type)
        where T : class
    {
        using MemoryStream body = new();
        byte[] buffer = new byte[16384];
        int count;
        while ((count = await Context.Request.Body.ReadAsync(buffer, Aborted).ConfigureAwait(false)) > 0)
        {
            body.Write(buffer, 0, count);
            if (body.Length > MaxBodySizeBytes)
            {
                throw new FaultException(FaultKind.InvalidArgument, "request body too large");
            }
        }

        if (body.Length == 0)
        {
            return null;
        }

        try
        {
            return JsonSerializer.Deserialize(body.GetBuffer().AsSpan(0, (int)body.Length), type);
        }
        catch (JsonException exception)
        {
            throw new FaultException(FaultKind.InvalidArgument, "invalid JSON: " + exception.Message, exception);
        }
    }

    internal async Task WriteAsync<T>(T value, JsonTypeInfo<T> type, int status = StatusCodes.Status200OK)
    {
        byte[] body = JsonSerializer.SerializeToUtf8Bytes(value, type);
        HttpResponse response = Context.Response;
        response.StatusCode = status;
        response.ContentType = "application/json";
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, Aborted).ConfigureAwait(false);
    }

    internal Task WriteStatusAsync(int status)
    {
        Context.Response.StatusCode = status;
        return Task.CompletedTask;
    }

    internal Task NoContentAsync() => WriteStatusAsync(StatusCodes.Status204NoContent);

    internal Task WriteErrorAsync(int status, string message) => WriteAsync(new ErrorJson(message), DockerJson.Default.ErrorJson, status);
}
