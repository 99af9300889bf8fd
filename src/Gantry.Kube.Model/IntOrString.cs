using System.Globalization;

namespace Gantry.Kube.Model;

/// <summary>A value that is an integer or text, as a port's number or name, or a count or percentage.</summary>
public readonly record struct IntOrString
{
    /// <summary>Makes an integer.</summary>
    public IntOrString(int number) => Number = number;

    /// <summary>Makes text.</summary>
    public IntOrString(string text) => Text = text;

    /// <summary>The integer; 0 when the value is text.</summary>
    public int Number { get; }

    /// <summary>The text; null when the value is an integer.</summary>
    public string? Text { get; }

    /// <summary>Whether the value is text.</summary>
    public bool IsString => Text is not null;

    public static implicit operator IntOrString(int number) => new(number);

    public static implicit operator IntOrString(string text) => new(text);

    /// <summary>
    /// The value, or for a percentage such as <c>25%</c> that part of <paramref name="total"/>, rounded up or down. Text
    /// that is no percentage gives null.
    /// </summary>
    public int? Scale(int total, bool roundUp)
    {
        if (Text is null)
        {
            return Number;
        }

        if (!Text.EndsWith('%') || !int.TryParse(Text.AsSpan(0, Text.Length - 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var percent))
        {
            return null;
        }

        var scaled = (long)percent * total;
        return (int)(roundUp ? (scaled + 99) / 100 : scaled / 100);
    }

    /// <inheritdoc />
    public override string ToString() => Text ?? Number.ToString(CultureInfo.InvariantCulture);
}
