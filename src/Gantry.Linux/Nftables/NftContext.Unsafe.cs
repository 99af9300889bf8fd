using System.Runtime.InteropServices;
using System.Text;
using Gantry.Faults;

namespace Gantry.Linux.Nftables;

/// <summary>
/// A persistent nftables context (libnftables(3)) of the network namespace in which it is made. Each <see cref="Run"/> is one
/// transaction: all its commands are applied, or none. Thread-safe: calls are serialized.
/// </summary>
public sealed partial class NftContext : IDisposable
{
    private const uint NFT_CTX_OUTPUT_JSON = 1 << 4;
    private readonly Lock _lock = new();
    private nint _context;

    /// <summary>Makes a context.</summary>
    public NftContext()
    {
        try
        {
            _context = nft_ctx_new(0);
        }
        catch (DllNotFoundException exception)
        {
            throw new FaultException(FaultKind.Unavailable, "libnftables.so.1 is missing; install the package libnftables1", exception);
        }

        if (_context == 0)
        {
            throw new FaultException(FaultKind.Internal, "nft_ctx_new failed");
        }

        nft_ctx_buffer_output(_context);
        nft_ctx_buffer_error(_context);
    }

    /// <summary>
    /// Runs commands in nft(8)'s language and returns what they print. A failure is a fault with the library's own words:
    /// <c>NotFound</c> when an object is missing, <c>AlreadyExists</c>, else <c>Internal</c>.
    /// </summary>
    public string Run(string commands) => Run(commands, json: false);

    /// <summary>As <see cref="Run(string)"/>, with output in libnftables-json(5).</summary>
    public string RunJson(string commands) => Run(commands, json: true);

    /// <summary>Runs commands; false when an object they name does not exist.</summary>
    public bool TryRun(string commands)
    {
        try
        {
            Run(commands);
            return true;
        }
        catch (FaultException fault) when (fault.Kind == FaultKind.NotFound)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_context != 0)
            {
                nft_ctx_free(_context);
                _context = 0;
            }
        }
    }

    private string Run(string commands, bool json)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_context == 0, this);
            nft_ctx_output_set_flags(_context, json ? NFT_CTX_OUTPUT_JSON : 0);
            int result = nft_run_cmd_from_buffer(_context, commands);
            string output = Text(nft_ctx_get_output_buffer(_context));
            string error = Text(nft_ctx_get_error_buffer(_context));
            return result == 0 ? output : throw Fault(error);
        }
    }

    private static FaultException Fault(string error)
    {
        string firstLine = error.Split('\n', StringSplitOptions.RemoveEmptyEntries).FirstOrDefault() ?? "unknown error";
        FaultKind kind = error.Contains("No such file or directory", StringComparison.Ordinal) ? FaultKind.NotFound
            : error.Contains("File exists", StringComparison.Ordinal) ? FaultKind.AlreadyExists
            : error.Contains("Operation not permitted", StringComparison.Ordinal) ? FaultKind.PermissionDenied
            : FaultKind.Internal;
        return new FaultException(kind, "nftables: " + firstLine.Trim());
    }

    private static string Text(nint buffer) => Marshal.PtrToStringUTF8(buffer) ?? "";

    [LibraryImport("libnftables.so.1")]
    private static partial nint nft_ctx_new(uint flags);

    [LibraryImport("libnftables.so.1")]
    private static partial void nft_ctx_free(nint context);

    [LibraryImport("libnftables.so.1")]
    private static partial int nft_ctx_buffer_output(nint context);

    [LibraryImport("libnftables.so.1")]
    private static partial int nft_ctx_buffer_error(nint context);

    [LibraryImport("libnftables.so.1")]
    private static partial nint nft_ctx_get_output_buffer(nint context);

    [LibraryImport("libnftables.so.1")]
    private static partial nint nft_ctx_get_error_buffer(nint context);

    [LibraryImport("libnftables.so.1")]
    private static partial void nft_ctx_output_set_flags(nint context, uint flags);

    [LibraryImport("libnftables.so.1", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int nft_run_cmd_from_buffer(nint context, string commands);
}
