using System.Globalization;
using System.Text;
using System.Text.Json;
using Gantry.Faults;

namespace Gantry.Oci.Runtime;

/// <summary>Reads one item of a document.</summary>
internal delegate T ReadItem<out T>(ref SpecJsonReader json);

/// <summary>
/// A forward reader over a document of the runtime specification, which knows where it is: every fault names the member's
/// path and line. Values of a wrong type are collected, so that the fault at the end names all of them; malformed JSON ends
/// the reading. Written by hand because a runtime's start-up pays for each type that a serializer has to set up
/// (docs/performance.md). Members that are null count as absent.
/// </summary>
internal ref struct SpecJsonReader
{
    private readonly ReadOnlySpan<byte> _json;
    private readonly string _document;
    private readonly List<string> _path;
    private readonly List<string> _errors;
    private Utf8JsonReader _reader;
    private bool _isNoObject;

    public SpecJsonReader(ReadOnlySpan<byte> json, string document)
    {
        _json = json;
        _document = document;
        _path = [];
        _errors = [];
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

    /// <summary>Enters an object; <see cref="NextMember"/> then gives its members: none when it is no object.</summary>
    public void BeginObject()
    {
        if (Expect(JsonTokenType.StartObject, "an object"))
        {
            _path.Add("");
        }
        else
        {
            _isNoObject = true;
        }
    }

    /// <summary>The next member's name, the reader being at its value; null at the object's end.</summary>
    public string? NextMember()
    {
        if (_isNoObject)
        {
            _isNoObject = false;
            return null;
        }
        while (true)
        {
            Advance();
            if (_reader.TokenType == JsonTokenType.EndObject)
            {
                _path.RemoveAt(_path.Count - 1);
                return null;
            }
            var name = Text();
            _path[^1] = "." + name;
            Advance();
            if (_reader.TokenType != JsonTokenType.Null)
            {
                return name;
            }
        }
    }

    public string String() => Expect(JsonTokenType.String, "a string") ? Text() : "";

    public bool Bool()
    {
        if (_reader.TokenType is JsonTokenType.True or JsonTokenType.False)
        {
            return _reader.GetBoolean();
        }
        Wrong("true or false");
        return false;
    }

    public long Long()
    {
        if (_reader.TokenType == JsonTokenType.Number && _reader.TryGetInt64(out var value))
        {
            return value;
        }
        Wrong("a whole number");
        return 0;
    }

    public ulong ULong()
    {
        if (_reader.TokenType == JsonTokenType.Number && _reader.TryGetUInt64(out var value))
        {
            return value;
        }
        Wrong("a whole number from 0");
        return 0;
    }

    public uint UInt()
    {
        if (_reader.TokenType == JsonTokenType.Number && _reader.TryGetUInt32(out var value))
        {
            return value;
        }
        Wrong("a whole number from 0 to 4294967295");
        return 0;
    }

    public int Int()
    {
        if (_reader.TokenType == JsonTokenType.Number && _reader.TryGetInt32(out var value))
        {
            return value;
        }
        Wrong("a whole number of 32 bits");
        return 0;
    }

    public ushort UShort()
    {
        if (_reader.TokenType == JsonTokenType.Number && _reader.TryGetUInt16(out var value))
        {
            return value;
        }
        Wrong("a whole number from 0 to 65535");
        return 0;
    }

    public List<T> List<T>(ReadItem<T> read)
    {
        List<T> result = [];
        if (!Expect(JsonTokenType.StartArray, "an array"))
        {
            return result;
        }
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

    /// <summary>An object whose members are all of one type.</summary>
    public Dictionary<string, T> Table<T>(ReadItem<T> read)
    {
        var table = new Dictionary<string, T>();
        BeginObject();
        while (NextMember() is { } name)
        {
            table[name] = read(ref this);
        }
        return table;
    }

    public Dictionary<string, string> StringTable() => Table(static (ref SpecJsonReader json) => json.String());

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
                Wrong("the document's end");
            }
        }
        catch (JsonException e)
        {
            throw Malformed(e);
        }
        if (_errors.Count > 0)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{_document}: {string.Join("; ", _errors)}");
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

    private bool Expect(JsonTokenType type, string what)
    {
        if (_reader.TokenType == type)
        {
            return true;
        }
        Wrong(what);
        return false;
    }

    /// <summary>The present string; JSON can escape half a surrogate pair, which is no text.</summary>
    private readonly string Text()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new FaultException(FaultKind.InvalidArgument, $"{_document}: {Place("a string that is no valid text")}", e);
        }
    }

    private readonly FaultException Malformed(JsonException? cause) =>
        new(FaultKind.InvalidArgument, $"{_document}: {Place("malformed or truncated JSON")}", cause);

    /// <summary>Notes the error and passes over the value, so that those of other members are found as well.</summary>
    private void Wrong(string expected)
    {
        var found = _reader.TokenType switch
        {
            JsonTokenType.StartObject => "an object",
            JsonTokenType.StartArray => "an array",
            JsonTokenType.Null => "null",
            _ => Encoding.UTF8.GetString(_reader.ValueSpan[..Math.Min(_reader.ValueSpan.Length, 64)]),
        };
        _errors.Add(Place($"expected {expected}, found {found}"));
        Skip();
    }

    private readonly string Place(string text)
    {
        var line = 1 + _json[..(int)Math.Min(_reader.BytesConsumed, _json.Length)].Count((byte)'\n');
        return $"${string.Concat(_path)} (line {line}): {text}";
    }
}
