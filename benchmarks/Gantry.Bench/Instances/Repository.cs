namespace Gantry.Bench.Instances;

/// <summary>The checkout and the programs that were built in it.</summary>
internal static class Repository
{
    private static readonly string s_root = FindRoot();

    public static string Root => s_root;

    public static string Daemon => Built("gantryd");

    public static string Cli => Built("gantry");

    public static string Runtime => Built("gantry-runtime");

    private static string Built(string program) => Path.Combine(s_root, "artifacts", "gantry", program);

    private static string FindRoot()
    {
        var directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Gantry.slnx")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new BenchException("run the bench from a checkout: Gantry.slnx was not found");
        }

        return directory;
    }
}
