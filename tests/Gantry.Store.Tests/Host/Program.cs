namespace Gantry.Store.Tests.Host;

/// <summary>The test assembly as a program: a process that hosts a store, so that it can be killed.</summary>
internal static class Program
{
    /// <summary>The argument that a database's path follows.</summary>
    public const string HostArgument = "--host-store";

    private static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [HostArgument, var path])
        {
            await Console.Error.WriteLineAsync($"usage: {HostArgument} PATH; the tests themselves are run with dotnet test");
            return 2;
        }

        await StoreHost.RunAsync(path, Console.OpenStandardInput(), Console.OpenStandardOutput());
        return 0;
    }
}
