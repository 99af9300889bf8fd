namespace Gantry.Linux.Seccomp;

/// <summary>One rule of a system call filter.</summary>
/// <param name="Syscalls">Names; those that the library does not know are skipped.</param>
/// <param name="Action">SCMP_ACT_ name.</param>
/// <param name="ErrorNumber">errno of SCMP_ACT_ERRNO or message of SCMP_ACT_TRACE; null is EPERM.</param>
/// <param name="Conditions">All must hold; two on one argument are alternatives.</param>
public sealed record SeccompRule(
    IReadOnlyList<string> Syscalls, string Action, uint? ErrorNumber, IReadOnlyList<SeccompCondition> Conditions);

/// <summary>A condition on one argument.</summary>
/// <param name="Index">0 to 5.</param>
/// <param name="Operator">SCMP_CMP_ name.</param>
/// <param name="Value">Operand, or the mask of SCMP_CMP_MASKED_EQ.</param>
/// <param name="ValueTwo">Second operand of SCMP_CMP_MASKED_EQ.</param>
public sealed record SeccompCondition(uint Index, string Operator, ulong Value, ulong ValueTwo);
