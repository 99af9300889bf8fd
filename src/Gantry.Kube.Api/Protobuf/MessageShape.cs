using System.Collections.Concurrent;
using Gantry.Schema;

namespace Gantry.Kube.Api.Protobuf;

/// <summary>A type's protobuf message: its fields by number, with the embedded messages whose fields JSON inlines.</summary>
internal sealed class MessageShape
{
    private static readonly ConcurrentDictionary<SchemaType, MessageShape> Known = new();

    /// <summary>The fields of this message.</summary>
    public SortedDictionary<int, SchemaField> Fields { get; } = [];

    /// <summary>The embedded messages.</summary>
    public SortedDictionary<int, MessageShape> Embedded { get; } = [];

    public static MessageShape Of(SchemaType type) => Known.GetOrAdd(type, static t =>
    {
        var shape = new MessageShape();
        foreach (var field in t.Fields)
        {
            shape.Add(field, 0);
        }

        return shape;
    });

    private void Add(SchemaField field, int depth)
    {
        var number = field.Number[depth];
        if (depth == field.Number.Length - 1)
        {
            Fields[number] = field;
            return;
        }

        if (!Embedded.TryGetValue(number, out var inner))
        {
            Embedded[number] = inner = new MessageShape();
        }

        inner.Add(field, depth + 1);
    }
}
