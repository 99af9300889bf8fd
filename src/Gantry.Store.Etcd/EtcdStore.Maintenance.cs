using Gantry.Faults;
using Gantry.Grpc;
using Gantry.Store.Etcd.Client;
using Gantry.Store.Etcd.Protos;

namespace Gantry.Store.Etcd;

/// <summary>Maintenance: what every member says of itself, and defragmentation, one member after the other.</summary>
public sealed partial class EtcdStore : IStoreMaintenance
{
    // Below this much it is not worth the pause that a member takes.
    private const long FragmentedBytes = 64L << 20;

    // A member rewrites its whole database meanwhile: etcd's documentation counts in seconds per gigabyte.
    private static readonly TimeSpan s_defragmentTimeout = TimeSpan.FromMinutes(10);

    /// <inheritdoc/>
    public async ValueTask<StoreStatus> GetStatusAsync(CancellationToken cancellationToken = default)
    {
        var revision = await ReadRevisionAsync(cancellationToken).ConfigureAwait(false);
        var warnings = new List<string>();
        long size = 0, used = 0;
        foreach (var member in _client.Members)
        {
            try
            {
                var status = await member.CallAsync(EtcdMethods.Status, new StatusRequest(), _options.Timeout, cancellationToken).ConfigureAwait(false);
                size = Math.Max(size, status.DbSize);
                used = Math.Max(used, status.DbSizeInUse);
                AddWarnings(member.Address, status, warnings);
            }
            catch (GrpcException e)
            {
                warnings.Add($"{member.Address.Authority} does not answer: {e.Message}");
            }
        }

        var alarms = await _client.ReadAsync(EtcdMethods.Alarm, new AlarmRequest(), cancellationToken).ConfigureAwait(false);
        foreach (var alarm in alarms.Alarms)
        {
            warnings.Add(alarm.Alarm == AlarmType.Nospace
                ? $"member {alarm.MemberID:x} is full (alarm NOSPACE) and takes no writes: \"gantry store defragment\" gives the history up, makes room and clears the alarm; then shorten history-age or history-size, or start etcd with a larger --quota-backend-bytes"
                : $"member {alarm.MemberID:x} has the alarm {alarm.Alarm.ToString().ToUpperInvariant()}: its data differ from the others'; replace it (etcd's documentation, \"Data Corruption\")");
        }

        if (_keeper?.Failure is { } failure)
        {
            warnings.Add($"history was not trimmed: {failure}");
        }

        return new StoreStatus("etcd", string.Join(',', _options.Endpoints.Select(static address => address.Authority)) + _options.Prefix, revision, CompactedRevision, size, used, warnings);
    }

    /// <inheritdoc/>
    public async ValueTask DefragmentAsync(CancellationToken cancellationToken = default)
    {
        var alarms = (await _client.ReadAsync(EtcdMethods.Alarm, new AlarmRequest(), cancellationToken).ConfigureAwait(false)).Alarms;
        if (alarms.Any(static alarm => alarm.Alarm == AlarmType.Nospace))
        {
            // A cluster that takes no writes is worth less than its past.
            await CompactWithinSnapshotsAsync(await ReadRevisionAsync(cancellationToken).ConfigureAwait(false), cancellationToken, waits: true).ConfigureAwait(false);
        }

        foreach (var member in _client.Members)
        {
            try
            {
                await member.CallAsync(EtcdMethods.Defragment, new DefragmentRequest(), s_defragmentTimeout, cancellationToken).ConfigureAwait(false);
            }
            catch (GrpcException e)
            {
                throw new FaultException(e.Kind, $"defragment {member.Address.Authority}: {e.Message}", e);
            }
        }

        foreach (var alarm in alarms.Where(static alarm => alarm.Alarm == AlarmType.Nospace))
        {
            // etcd raises it again with the next write that does not fit.
            await _client.WriteAsync(
                EtcdMethods.Alarm,
                new AlarmRequest { Action = AlarmRequest.Types.AlarmAction.Deactivate, MemberID = alarm.MemberID, Alarm = AlarmType.Nospace },
                cancellationToken).ConfigureAwait(false);
        }
    }

    private static void AddWarnings(Uri address, StatusResponse status, List<string> warnings)
    {
        if (status.DbSize - status.DbSizeInUse > FragmentedBytes && status.DbSizeInUse < status.DbSize / 2)
        {
            warnings.Add($"{address.Authority} uses {status.DbSizeInUse >> 20} of the {status.DbSize >> 20} MiB of its file: \"gantry store defragment\" gives the rest back");
        }

        // etcd's change log: before 3.5.8 an answer about a watch's progress could overtake its events.
        if (System.Version.TryParse(status.Version, out var version) && version < new System.Version(3, 5, 8))
        {
            warnings.Add($"{address.Authority} is etcd {status.Version}, whose watches can report progress too early: use 3.5.8 or later");
        }

        if (status.Leader == 0)
        {
            warnings.Add($"{address.Authority} has no leader: most of the members must be up and reach each other");
        }
    }
}
