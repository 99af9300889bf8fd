using Gantry.Linux.Native;
using Microsoft.Win32.SafeHandles;

namespace Gantry.Linux;

/// <summary>An owned descriptor; disposing closes it.</summary>
public sealed class FileDescriptor : SafeHandleMinusOneIsInvalid
{
    /// <summary>Takes ownership of an open descriptor.</summary>
    public FileDescriptor(int number)
        : base(ownsHandle: true) => SetHandle(number);

    /// <summary>The descriptor's number, valid until this is disposed.</summary>
    public int Number => (int)handle;

    /// <summary>Gives up ownership and returns the number.</summary>
    public int Detach()
    {
        var number = Number;
        SetHandleAsInvalid();
        return number;
    }

    /// <inheritdoc />
    protected override bool ReleaseHandle() => Unistd.CloseRaw((int)handle) == 0;
}
