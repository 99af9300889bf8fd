using System.Globalization;
using System.Text;
using Gantry.Kube.Api.Json;

namespace Gantry.Kube.Api.Validation;

/// <summary>One mistake in an object: a metav1.StatusCause.</summary>
internal sealed record FieldError(string Reason, string Field, string Message);

/// <summary>Collects every mistake of an object, in upstream's words (apimachinery's field.Error).</summary>
internal sealed class FieldErrors
{
    private readonly List<FieldError> _errors = [];

    public IReadOnlyList<FieldError> All => _errors;

    public bool Any => _errors.Count > 0;

    public void Required(string field, string detail = "")
        => Add("FieldValueRequired", field, detail.Length == 0 ? "Required value" : "Required value: " + detail);

    public void Invalid(string field, object? value, string detail)
        => Add("FieldValueInvalid", field, $"Invalid value: {Print(value)}: {detail}");

    public void NotSupported(string field, object? value, IEnumerable<string> supported)
        => Add("FieldValueNotSupported", field, $"Unsupported value: {Print(value)}: supported values: {string.Join(", ", supported.Select(JsonTree.Quote))}");

    public void Duplicate(string field, object? value) => Add("FieldValueDuplicate", field, $"Duplicate value: {Print(value)}");

    public void NotFound(string field, object? value) => Add("FieldValueNotFound", field, $"Not found: {Print(value)}");

    public void Forbidden(string field, string detail) => Add("FieldValueForbidden", field, "Forbidden: " + detail);

    public void TooLong(string field, int maxBytes)
        => Add("FieldValueTooLong", field, string.Create(CultureInfo.InvariantCulture, $"Too long: may not be more than {maxBytes} bytes"));

    private void Add(string reason, string field, string message) => _errors.Add(new FieldError(reason, field, message));

    private static string Print(object? value)
    {
        switch (value)
        {
            case null: return "null";
            case string text: return JsonTree.Quote(text);
            case bool flag: return flag ? "true" : "false";
            case IReadOnlyDictionary<string, string> map:
                var pairs = map.OrderBy(static p => p.Key, StringComparer.Ordinal).Select(static p => $"{JsonTree.Quote(p.Key)}:{JsonTree.Quote(p.Value)}");
                return new StringBuilder("map[string]string{").AppendJoin(", ", pairs).Append('}').ToString();
            case IFormattable number: return number.ToString(null, CultureInfo.InvariantCulture);
            case JsonMap or List<object?>: return JsonTree.ToText(value);
            default: return value.ToString() ?? "";
        }
    }
}
