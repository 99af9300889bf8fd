using Gantry.Runtime.State;

namespace Gantry.Runtime.Commands;

/// <summary>What every command works with.</summary>
internal sealed record CommandContext(GlobalOptions Options, StateStore Store);
