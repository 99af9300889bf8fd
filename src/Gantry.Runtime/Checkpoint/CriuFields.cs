namespace Gantry.Runtime.Checkpoint;

/// <summary>Numbers of rpc.proto (CRIU 3.17 to 4.x).</summary>
internal static class CriuFields
{
    // criu_req_type
    public const int Dump = 1;
    public const int Restore = 2;
    public const int PreDump = 4;
    public const int Notify = 6;

    // criu_req
    public const int RequestType = 1;
    public const int RequestOptions = 2;
    public const int NotifySuccess = 3;

    // criu_opts
    public const int ImagesDirectory = 1;
    public const int Pid = 2;
    public const int LeaveRunning = 3;
    public const int ExternalUnixSockets = 4;
    public const int TcpEstablished = 5;
    public const int EvasiveDevices = 6;
    public const int ShellJob = 7;
    public const int FileLocks = 8;
    public const int LogLevel = 9;
    public const int LogFile = 10;
    public const int PageServer = 11;
    public const int NotifyScripts = 12;
    public const int Root = 13;
    public const int ParentImage = 14;
    public const int TrackMemory = 15;
    public const int AutoDedup = 16;
    public const int WorkDirectory = 17;
    public const int LinkRemap = 18;
    public const int ExternalMount = 23;
    public const int ManageCgroups = 24;
    public const int CgroupRoot = 25;
    public const int RestoreAsSibling = 26;
    public const int InheritDescriptor = 27;
    public const int ManageCgroupsMode = 34;
    public const int External = 37;
    public const int EmptyNamespaces = 38;
    public const int JoinNamespace = 39;
    public const int FreezeCgroup = 44;
    public const int TcpSkipInFlight = 46;
    public const int LazyPages = 48;
    public const int OrphanTerminal = 50;
    public const int ConfigFile = 51;
    public const int LsmProfile = 53;
    public const int LsmMountContext = 63;

    /// <summary>ext_mount_map, cgroup_root, inherit_fd, join_namespace and criu_page_server_info have two members used here.</summary>
    public const int First = 1;
    public const int Second = 2;

    /// <summary>criu_cg_mode by the names of --manage-cgroups-mode; -1 when there is no such mode.</summary>
    public static int CgroupMode(string? name) => name switch
    {
        "ignore" => 0,
        null or "" or "soft" => 3,
        "full" => 4,
        "strict" => 5,
        _ => -1,
    };
}
