namespace Gantry.Cli;

/// <summary>A failure whose message is all that the user needs.</summary>
internal sealed class UserErrorException(string message) : Exception(message);
