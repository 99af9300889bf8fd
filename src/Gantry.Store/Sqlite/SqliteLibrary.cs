using System.Reflection;
using System.Runtime.InteropServices;
using SQLitePCL;

namespace Gantry.Store.Sqlite;

/// <summary>Loads the system's SQLite: the provider asks for "e_sqlite3", Debian's library is libsqlite3.so.0.</summary>
internal static class SqliteLibrary
{
    private static readonly Lazy<bool> s_loaded = new(Load);

    public static void EnsureLoaded() => _ = s_loaded.Value;

    private static bool Load()
    {
        var provider = new SQLite3Provider_e_sqlite3();
        NativeLibrary.SetDllImportResolver(provider.GetType().Assembly, Resolve);
        raw.SetProvider(provider);
        return true;
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path) =>
        name == "e_sqlite3" ? NativeLibrary.Load("libsqlite3.so.0", assembly, path) : 0;
}
