namespace Gantry.Registry;

/// <summary>An answer of the registry that is an error: its code (distribution specification, "Error Codes") and status.</summary>
internal sealed class RegistryException(int status, string code, string message, string? detail = null) : Exception(message)
{
    public int Status => status;

    public string Code => code;

    public string? Detail => detail;

    public static RegistryException BlobUnknown(string digest) => new(404, "BLOB_UNKNOWN", "blob unknown to registry", digest);

    public static RegistryException UploadUnknown(string id) => new(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry", id);

    public static RegistryException DigestInvalid(string reason) => new(400, "DIGEST_INVALID", "provided digest did not match uploaded content", reason);

    public static RegistryException ManifestUnknown(string reference) => new(404, "MANIFEST_UNKNOWN", "manifest unknown", reference);

    public static RegistryException ManifestInvalid(string reason) => new(400, "MANIFEST_INVALID", "manifest invalid", reason);

    public static RegistryException NameInvalid(string name) => new(400, "NAME_INVALID", "invalid repository name", name);

    public static RegistryException NameUnknown(string name) => new(404, "NAME_UNKNOWN", "repository name not known to registry", name);

    public static RegistryException Unsupported() => new(405, "UNSUPPORTED", "The operation is unsupported.");
}
