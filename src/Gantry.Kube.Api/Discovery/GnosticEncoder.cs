using System.Buffers;
using System.Text;
using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Discovery;

/// <summary>
/// Encodes an OpenAPI v2 tree as protobuf message openapi.v2.Document (google/gnostic openapiv2/OpenAPIv2.proto), as far as
/// the trees of <see cref="OpenApiDocuments"/> use it.
/// </summary>
internal static class GnosticEncoder
{
    public static byte[] Encode(JsonMap document)
    {
        var output = new ArrayBufferWriter<byte>(1 << 20);
        Text(output, 1, document.Text("swagger"));
        Message(output, 2, o =>
        {
            Text(o, 1, document.Map("info")!.Text("title"));
            Text(o, 2, document.Map("info")!.Text("version"));
        });
        Message(output, 8, o =>
        {
            foreach (var (path, item) in document.Map("paths")!)
            {
                Named(o, 2, path, v => PathItem(v, (JsonMap)item!));
            }
        });
        Message(output, 9, o =>
        {
            foreach (var (name, schema) in document.Map("definitions")!)
            {
                Named(o, 1, name, v => Schema(v, (JsonMap)schema!));
            }
        });
        return output.WrittenSpan.ToArray();
    }

    private static void PathItem(IBufferWriter<byte> output, JsonMap item)
    {
        foreach (var (method, number) in ((string, int)[])[("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 8)])
        {
            if (item.Map(method) is { } operation)
            {
                Message(output, number, o => Operation(o, operation));
            }
        }
    }

    private static void Operation(IBufferWriter<byte> output, JsonMap operation)
    {
        Text(output, 5, operation.Text("operationId"));
        foreach (var parameter in operation.Maps("parameters"))
        {
            // ParametersItem.parameter, Parameter.non_body_parameter, NonBodyParameter.query_parameter_sub_schema.
            Message(output, 8, item => Message(item, 1, p => Message(p, 2, n => Message(n, 3, q =>
            {
                Text(q, 2, parameter.Text("in"));
                Text(q, 4, parameter.Text("name"));
                Text(q, 6, parameter.Text("type"));
            }))));
        }

        Message(output, 9, responses =>
        {
            foreach (var (code, response) in operation.Map("responses")!)
            {
                var map = (JsonMap)response!;

                // Responses.response_code: NamedResponseValue with ResponseValue.response.
                Named(responses, 1, code, value => Message(value, 1, r =>
                {
                    Text(r, 1, map.Text("description"));
                    Message(r, 2, item => Message(item, 1, s => Schema(s, map.Map("schema")!)));
                }));
            }
        });
        Extensions(output, 13, operation);
    }

    private static void Schema(IBufferWriter<byte> output, JsonMap schema)
    {
        Text(output, 1, schema.Text("$ref"));
        Text(output, 2, schema.Text("format"));
        Text(output, 4, schema.Text("description"));
        if (schema.TryGetValue("default", out var value))
        {
            Message(output, 5, o => Text(o, 2, JsonTree.ToText(value) + "\n"));
        }

        foreach (var required in schema.List("required") ?? [])
        {
            Text(output, 19, required as string);
        }

        foreach (var item in schema.List("enum") ?? [])
        {
            Message(output, 20, o => Text(o, 2, JsonTree.ToText(item) + "\n"));
        }

        if (schema.Map("additionalProperties") is { } additional)
        {
            Message(output, 21, o => Message(o, 1, s => Schema(s, additional)));
        }

        if (schema.Text("type") is { } type)
        {
            Message(output, 22, o => Text(o, 1, type));
        }

        if (schema.Map("items") is { } items)
        {
            Message(output, 23, o => Message(o, 1, s => Schema(s, items)));
        }

        if (schema.Map("properties") is { Count: > 0 } properties)
        {
            Message(output, 25, o =>
            {
                foreach (var (name, property) in properties)
                {
                    Named(o, 1, name, v => Schema(v, (JsonMap)property!));
                }
            });
        }

        Extensions(output, 31, schema);
    }

    /// <summary>Vendor extensions: NamedAny whose value is YAML; JSON is YAML.</summary>
    private static void Extensions(IBufferWriter<byte> output, int number, JsonMap map)
    {
        foreach (var (name, value) in map)
        {
            if (name.StartsWith("x-", StringComparison.Ordinal))
            {
                Named(output, number, name, o => Text(o, 2, JsonTree.ToText(value) + "\n"));
            }
        }
    }

    private static void Named(IBufferWriter<byte> output, int number, string name, Action<IBufferWriter<byte>> value)
        => Message(output, number, o =>
        {
            Text(o, 1, name);
            Message(o, 2, value);
        });

    private static void Message(IBufferWriter<byte> output, int number, Action<IBufferWriter<byte>> write)
    {
        var inner = new ArrayBufferWriter<byte>();
        write(inner);
        Bytes(output, number, inner.WrittenSpan);
    }

    private static void Text(IBufferWriter<byte> output, int number, string? text)
    {
        if (!string.IsNullOrEmpty(text))
        {
            Bytes(output, number, Encoding.UTF8.GetBytes(text));
        }
    }

    private static void Bytes(IBufferWriter<byte> output, int number, ReadOnlySpan<byte> bytes)
    {
        Varint(output, (uint)((number << 3) | 2));
        Varint(output, (uint)bytes.Length);
        output.Write(bytes);
    }

    private static void Varint(IBufferWriter<byte> output, uint value)
    {
        var span = output.GetSpan(5);
        var count = 0;
        while (value >= 0x80)
        {
            span[count++] = (byte)(value | 0x80);
            value >>= 7;
        }

        span[count++] = (byte)value;
        output.Advance(count);
    }
}
