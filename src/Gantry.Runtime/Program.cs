using System.Runtime.Versioning;

[assembly: SupportedOSPlatform("linux")]

return Gantry.Runtime.Commands.CommandTable.Run(args);
