using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Oci.Runtime;

/// <summary>Reads one item of a document.</summary>
internal delegate T ReadItem<out T>(ref SpecJsonReader json);

/// <summary>
/// A forward reader over a document of the runtime specification, which knows where it is: every fault names the member's
/// path and line. Written by hand because a runtime's start-up pays for each type that a serializer has to set up
/// (docs/performance.md). Members that are null count as absent.
/// </summary>
internal ref struct SpecJsonReader
{
    private readonly ReadOnlySpan<byte> _json;
    private readonly string _document;
    private readonly List<string> _path;
    private Utf8JsonReader _reader;

    public SpecJsonReader(ReadOnlySpan<byte> json, string document)
    {
        _json = json;
        _document = document;
        _path = [];
        _reader = new Utf8JsonReader(json);
        Advance();
    }

    /// <summary>Reads the whole document with one function and checks that nothing follows.</summary>
    public static T Read<T>(ReadOnlySpan<byte> json, string document, ReadItem<T> read)
    {
        var reader = new SpecJsonReader(json, document);
        var result = read(ref reader);
        reader.End();
        return result;
    }

    /// <summary>Enters an object; <see cref="NextMember"/> then gives its members.</summary>
    public void BeginObject()
    {
        Expect(JsonTokenType.StartObject, "an object");
        _path.Add("");
    }

    /// <summary>The next member's name, the reader being at its value; null at the object's end.</summary>
    public string? NextMember()
    {
        while (true)
        {
            Advance();
            if (_reader.TokenType == JsonTokenType.EndObject)
            {
                _path.RemoveAt(_path.Count - 1);
                return null;
            }
            var name = _reader.GetString()!;
            _path[^1] = "." + name;
            Advance();
            if (_reader.TokenType != JsonTokenType.Null)
            {
                return name;
            }
        }
    }

    public readonly string String()
    {
        Expect(JsonTokenType.String, "a string");
        return _reader.GetString()!;
    }

    public readonly bool Bool() =>
        _reader.TokenType is JsonTokenType.True or JsonTokenType.False ? _reader.GetBoolean() : throw Wrong("true or false");

    public readonly long Long() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt64(out var value) ? value : throw Wrong("a whole number");

    public readonly ulong ULong() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetUInt64(out var value)
            ? value
            : throw Wrong("a whole number from 0");

    public readonly uint UInt() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetUInt32(out var value)
            ? value
            : throw Wrong("a whole number from 0 to 4294967295");

    public readonly int Int() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out var value)
            ? value
            : throw Wrong("a whole number of 32 bits");

    public readonly ushort UShort() =>
        _reader.TokenType == JsonTokenType.Number && _reader.TryGetUInt16(out var value)
            ? value
            : throw Wrong("a whole number from 0 to 65535");

    public List<T> List<T>(ReadItem<T> read)
    {
        Expect(JsonTokenType.StartArray, "an array");
        List<T> result = [];
        _path.Add("");
        while (true)
        {
            Advance();
            if (_reader.TokenType == JsonTokenType.EndArray)
            {
                _path.RemoveAt(_path.Count - 1);
                return result;
            }
            _path[^1] = string.Create(CultureInfo.InvariantCulture, $"[{result.Count}]");
            result.Add(read(ref this));
        }
    }

    public List<string> Strings() => List(static (ref SpecJsonReader json) => json.String());

    public List<uint> UInts() => List(static (ref SpecJsonReader json) => json.UInt());

    public Dictionary<string, string> StringTable()
    {
        var table = new Dictionary<string, string>();
        BeginObject();
        while (NextMember() is { } name)
        {
            table[name] = String();
        }
        return table;
    }

    /// <summary>Passes over a value that nobody asked for.</summary>
    public void Skip()
    {
        try
        {
            _reader.Skip();
        }
        catch (JsonException e)
        {
            throw Malformed(e);
        }
    }

    /// <summary>Where the present value starts in the document.</summary>
    public readonly int Start => (int)_reader.TokenStartIndex;

    /// <summary>The document from a start to the end of the value that was read last.</summary>
    public readonly byte[] From(int start) => _json[start..(int)_reader.BytesConsumed].ToArray();

    private void End()
    {
        try
        {
            if (_reader.Read())
            {
                throw Wrong("the document's end");
            }
        }
        catch (JsonException e)
        {
            throw Malformed(e);
        }
    }

    private void Advance()
    {
        try
        {
            if (!_reader.Read())
            {
                throw Malformed(null);
            }
        }
        catch (JsonException e)
        {
            throw Malformed(e);
        }
    }

    private readonly void Expect(JsonTokenType type, string what)
    {
        if (_reader.TokenType != type)
        {
            throw Wrong(what);
        }
    }

    private readonly FaultException Malformed(JsonException? cause) => Fault("malformed or truncated JSON", cause);

    private readonly FaultException Wrong(string expected)
    {
        var found = _reader.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "an array",
            JsonTokenType.Null => "null",
            _ => Encoding.UTF8.GetString(_reader.ValueSpan[..Math.Min(_reader.ValueSpan.Length, 64)]),
        };
        return Fault($"expected {expected}, found {found}", null);
    }

    private readonly FaultException Fault(string text, Exception? cause)
    {
        var line = 1 + _json[..(int)Math.Min(_reader.BytesConsumed, _json.Length)].Count((byte)'\n');
        return new FaultException(
            FaultKind.InvalidArgument, $"{_document}: ${string.Concat(_path)} (line {line}): {text}", cause);
    }
}
