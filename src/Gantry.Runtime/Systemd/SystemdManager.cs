using Gantry.Faults;

namespace Gantry.Runtime.Systemd;

/// <summary>
/// systemd over the bus (org.freedesktop.systemd1(5)): transient scopes, their properties and their end. Each call returns when
/// systemd has done it; all calls of one object together have <see cref="Limit"/>.
/// </summary>
internal sealed class SystemdManager : IDisposable
{
    /// <summary>As long as runc waits for a job.</summary>
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(30);

    private const string Destination = "org.freedesktop.systemd1";
    private const string ManagerPath = "/org/freedesktop/systemd1";
    private const string ManagerType = "org.freedesktop.systemd1.Manager";

    /// <summary>Properties that an older or newer systemd may not have; more than there are.</summary>
    private const int MaxUnknown = 32;

    private readonly BusConnection _bus;
    private readonly List<(string Job, string Result, string Sender)> _ended = [];

    private SystemdManager(BusConnection bus, bool isDirect)
    {
        _bus = bus;
        if (!isDirect)
        {
            const string Rule = $"type='signal',sender='{Destination}',path='{ManagerPath}',interface='{ManagerType}',member='JobRemoved'";
            _bus.Call(
                "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "AddMatch", "s",
                static body => body.String(Rule), Note);
        }
    }

    /// <summary>Connects to the machine's systemd, or to the user's.</summary>
    public static SystemdManager Open(bool isUser) => isUser
        ? Open(
            BusAddress.OfUser(),
            "Log in to a session of systemd's (XDG_RUNTIME_DIR or DBUS_SESSION_BUS_ADDRESS say where its bus is), or ", Limit)
        : Open(BusAddress.OfSystem(), "Run systemd, or ", Limit);

    /// <summary>Connects to the first of the addresses that can be reached.</summary>
    internal static SystemdManager Open(IReadOnlyList<BusAddress> addresses, string remedy, TimeSpan limit)
    {
        List<string> failures = [];
        foreach (var address in addresses)
        {
            try
            {
                return new SystemdManager(BusConnection.Open(address, limit), address.IsDirect);
            }
            catch (Linux.LinuxException e)
            {
                failures.Add(e.Message);
            }
        }
        throw new FaultException(
            FaultKind.FailedPrecondition,
            $"systemd cannot be reached: {(failures.Count > 0 ? string.Join("; ", failures) : "no address of a bus is known")}. {remedy}"
            + "have cgroups made as files: without --systemd-cgroup (podman --cgroup-manager cgroupfs, containerd SystemdCgroup = false, "
            + "dockerd --exec-opt native.cgroupdriver=cgroupfs)");
    }

    /// <summary>
    /// Starts a transient unit. A property of <paramref name="optional"/> that this systemd does not know is left out. A failed unit of the same
    /// name is cleared away first.
    /// </summary>
    public void Start(string unit, IReadOnlyList<UnitProperty> required, IReadOnlyList<UnitProperty> optional)
    {
        try
        {
            Start(unit, required, optional, isAgain: false);
        }
        catch (FaultException e) when (e is not BusErrorException)
        {
            // Systemd may start it after all; and a unit that has failed keeps its name.
            ResetFailed(unit);
            throw;
        }
    }

    private void Start(string unit, IReadOnlyList<UnitProperty> required, IReadOnlyList<UnitProperty> optional, bool isAgain)
    {
        try
        {
            Run("StartTransientUnit", unit, "ssa(sv)a(sa(sv))", optional, (body, known) =>
            {
                body.String(unit);
                body.String("replace");
                WriteProperties(body, [.. required, .. known]);
                body.Array(8, static () => { });
            });
        }
        catch (BusErrorException e) when (!isAgain && e.Name == "org.freedesktop.systemd1.UnitExists")
        {
            ResetFailed(unit);
            Start(unit, required, optional, isAgain: true);
        }
    }

    /// <summary>Changes properties until the unit ends.</summary>
    public void SetProperties(string unit, IReadOnlyList<UnitProperty> properties)
    {
        if (properties.Count > 0)
        {
            Known("SetUnitProperties", "sba(sv)", properties, (body, known) =>
            {
                body.String(unit);
                body.Bool(true);
                WriteProperties(body, known);
            });
        }
    }

    /// <summary>Stops a unit; one that is not there is fine.</summary>
    public void Stop(string unit)
    {
        try
        {
            Run("StopUnit", unit, "ss", [], (body, _) =>
            {
                body.String(unit);
                body.String("replace");
            });
        }
        catch (BusErrorException e) when (e.Name is "org.freedesktop.systemd1.NoSuchUnit")
        {
            return;
        }
        ResetFailed(unit);
    }

    /// <summary>Lets systemd forget a unit that has failed.</summary>
    public void ResetFailed(string unit)
    {
        try
        {
            Call("ResetFailedUnit", "s", body => body.String(unit));
        }
        catch (FaultException e)
        {
            // Most have not failed, and then are not there any more.
            CommandOutput.Debug(e.Message);
        }
    }

    /// <summary>Moves a process into a unit's group, which an ordinary user may not do itself.</summary>
    public void Attach(string unit, int pid) => Call("AttachProcessesToUnit", "ssau", body =>
    {
        body.String(unit);
        body.String("");
        body.Array(4, () => body.UInt32((uint)pid));
    });

    /// <summary>The path of the manager's own group, "" for the root.</summary>
    public string ControlGroup()
    {
        var reply = _bus.Call(
            Destination, ManagerPath, "org.freedesktop.DBus.Properties", "Get", "ss",
            static body =>
            {
                body.String(ManagerType);
                body.String("ControlGroup");
            },
            Note);
        var reader = reply.ReadBody("v");
        var path = reader.Signature() == "s" ? reader.String() : throw BusReader.Malformed("ControlGroup that is no text");
        return path.TrimEnd('/');
    }

    public void Dispose() => _bus.Dispose();

    private static void WriteProperties(BusWriter body, IReadOnlyList<UnitProperty> properties) => body.Array(8, () =>
    {
        foreach (var property in properties)
        {
            property.Write(body);
        }
    });

    /// <summary>Calls a method that begins a job, and waits for the job's end.</summary>
    private void Run(
        string member, string unit, string signature, IReadOnlyList<UnitProperty> optional, Action<BusWriter, IReadOnlyList<UnitProperty>> write)
    {
        _ended.Clear();
        var reply = Known(member, signature, optional, write);
        var job = reply.ReadBody("o").String();
        // Nobody else on the bus may say how it went.
        while (_ended.Find(item => item.Job == job && item.Sender == reply.Sender) is var (_, result, _))
        {
            if (result is null)
            {
                Note(_bus.Receive($"{member} {unit}"));
                continue;
            }
            if (result != "done")
            {
                throw new FaultException(
                    FaultKind.FailedPrecondition, $"systemd: {member} {unit}: the job ended as \"{result}\"; see systemctl status {unit}");
            }
            return;
        }
    }

    /// <summary>Calls with all properties, and again without each that this systemd says that it does not know.</summary>
    private BusMessage Known(
        string member, string signature, IReadOnlyList<UnitProperty> properties, Action<BusWriter, IReadOnlyList<UnitProperty>> write)
    {
        for (var round = 0; ; round++)
        {
            try
            {
                return Call(member, signature, body => write(body, properties));
            }
            catch (BusErrorException e) when (round < MaxUnknown && Unknown(e, properties) is { } unknown)
            {
                CommandOutput.Debug($"systemd has no property {unknown}; it is set in the cgroup's files alone");
                properties = [.. properties.Where(item => item.Name != unknown)];
            }
        }
    }

    /// <summary>"Cannot set property NAME, or unknown property."</summary>
    private static string? Unknown(BusErrorException e, IReadOnlyList<UnitProperty> properties)
    {
        const string Start = "Cannot set property ";
        if (!e.Text.StartsWith(Start, StringComparison.Ordinal))
        {
            return null;
        }
        var name = e.Text[Start.Length..].Split(',')[0];
        return properties.Any(item => item.Name == name) ? name : null;
    }

    private BusMessage Call(string member, string signature, Action<BusWriter> write) =>
        _bus.Call(Destination, ManagerPath, ManagerType, member, signature, write, Note);

    /// <summary>Keeps JobRemoved: number, job, unit, result.</summary>
    private void Note(BusMessage message)
    {
        if (message.Type == BusMessage.Signal && message.Member == "JobRemoved" && message.Interface == ManagerType)
        {
            var reader = message.ReadBody("uoss");
            reader.UInt32();
            var job = reader.String();
            reader.Skip("s");
            _ended.Add((job, reader.String(), message.Sender));
        }
    }
}
