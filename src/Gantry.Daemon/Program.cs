using System.Reflection;
using System.Runtime.InteropServices;
using Gantry.Daemon.Configuration;
using Gantry.Daemon.Hosting;
using Gantry.Daemon.Storage;
using Gantry.Faults;

var version = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);
if (args is ["--version"])
{
    Console.WriteLine($"gantryd {version}");
    return 0;
}

try
{
    if (args is ["restore-store", var backup, .. var rest])
    {
        foreach (var line in StoreRestore.Run(backup, DaemonOptions.Read(rest)))
        {
            Console.WriteLine(line);
        }

        return 0;
    }

    var host = new GantryHost(DaemonOptions.Read(args), version);
    // Ended by a signal, the containers go on; `gantry down` is what stops them.
    using var terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, context => Leave(context, host));
    using var interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, context => Leave(context, host));
    await host.RunAsync().ConfigureAwait(false);
    return 0;
}
catch (Exception failure) when (failure is FaultException or IOException)
{
    await Console.Error.WriteLineAsync($"gantryd: {failure.Message}").ConfigureAwait(false);
    return 1;
}

static void Leave(PosixSignalContext context, GantryHost host)
{
    context.Cancel = true;
    host.End(removeAll: false);
}
