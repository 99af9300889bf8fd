using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Gantry.Store.Tests.Disk;

/// <summary>
/// A file system between SQLite and the real one (https://sqlite.org/vfs.html), registered as SQLite's default: every call for a file under a
/// <see cref="FaultyDisk"/> asks that first whether it may go on, everything else passes through.
/// </summary>
internal static unsafe partial class FaultyVfs
{
    private const int Ok = 0;

    // Room for this shim's part of a file before that of the real one; a multiple of 16 keeps the latter aligned.
    private const int HeaderBytes = 32;

    private static readonly Lazy<bool> s_registered = new(Register);
    private static Vfs* s_real;
    private static IoMethods* s_methods;

    public static void EnsureRegistered() => _ = s_registered.Value;

    private static bool Register()
    {
        NativeLibrary.SetDllImportResolver(typeof(FaultyVfs).Assembly, (name, assembly, path) => name == "sqlite3" ? NativeLibrary.Load("libsqlite3.so.0", assembly, path) : 0);
        s_real = Find(null);
        s_methods = (IoMethods*)NativeMemory.AllocZeroed((nuint)sizeof(IoMethods));
        *s_methods = new IoMethods
        {
            Version = 2,
            Close = &Close,
            Read = &Read,
            Write = &Write,
            Truncate = &Truncate,
            Sync = &Sync,
            FileSize = &FileSize,
            Lock = &Lock,
            Unlock = &Unlock,
            CheckReservedLock = &CheckReservedLock,
            FileControl = &FileControl,
            SectorSize = &SectorSize,
            DeviceCharacteristics = &DeviceCharacteristics,
            ShmMap = &ShmMap,
            ShmLock = &ShmLock,
            ShmBarrier = &ShmBarrier,
            ShmUnmap = &ShmUnmap,
        };
        var vfs = (Vfs*)NativeMemory.Alloc((nuint)sizeof(Vfs));
        // What is not named here is the real one's, which works from its own data.
        *vfs = *s_real;
        vfs->OsFileBytes += HeaderBytes;
        vfs->Name = (byte*)Marshal.StringToCoTaskMemUTF8("gantry-faulty");
        vfs->Open = &Open;
        vfs->Delete = &Delete;
        return Register(vfs, 1) == Ok;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Open(Vfs* vfs, byte* name, VfsFile* file, int flags, int* outFlags)
    {
        file->Methods = null;
        file->Handle = 0;
        var path = Marshal.PtrToStringUTF8((nint)name);
        var tracked = path is null ? null : FaultyDisk.Find(path)?.Open(path);
        var code = tracked?.Disk.Ask(DiskCall.Open, path!) ?? Ok;
        if (code != Ok)
        {
            return code;
        }

        code = s_real->Open(s_real, name, Real(file), flags, outFlags);
        if (code == Ok)
        {
            file->Methods = s_methods;
            file->Handle = tracked is null ? 0 : GCHandle.ToIntPtr(GCHandle.Alloc(tracked));
        }

        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Delete(Vfs* vfs, byte* name, int syncDirectory)
    {
        var path = Marshal.PtrToStringUTF8((nint)name)!;
        var disk = FaultyDisk.Find(path);
        var code = disk?.Ask(DiskCall.Delete, path) ?? Ok;
        if (code != Ok)
        {
            return code;
        }

        code = s_real->Delete(s_real, name, syncDirectory);
        disk?.Deleted(path);
        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Close(VfsFile* file)
    {
        if (file->Handle != 0)
        {
            GCHandle.FromIntPtr(file->Handle).Free();
            file->Handle = 0;
        }

        return Real(file)->Methods->Close(Real(file));
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Read(VfsFile* file, byte* buffer, int count, long offset)
    {
        var tracked = Tracked(file);
        var code = tracked?.Disk.Ask(DiskCall.Read, tracked.Path) ?? Ok;
        return code != Ok ? code : Real(file)->Methods->Read(Real(file), buffer, count, offset);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Write(VfsFile* file, byte* buffer, int count, long offset)
    {
        if (Tracked(file) is not { } tracked)
        {
            return Real(file)->Methods->Write(Real(file), buffer, count, offset);
        }

        var code = tracked.Disk.Ask(DiskCall.Write, tracked.Path, out var torn);
        // A torn write leaves its beginning behind, whatever it answers.
        var written = code == Ok ? count : torn ? count / 2 : 0;
        if (written > 0)
        {
            var real = Real(file)->Methods->Write(Real(file), buffer, written, offset);
            tracked.Wrote(offset, written);
            code = code == Ok ? real : code;
        }

        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Truncate(VfsFile* file, long size)
    {
        var tracked = Tracked(file);
        var code = tracked?.Disk.Ask(DiskCall.Truncate, tracked.Path) ?? Ok;
        return code != Ok ? code : Real(file)->Methods->Truncate(Real(file), size);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Sync(VfsFile* file, int flags)
    {
        var tracked = Tracked(file);
        if (tracked is null)
        {
            return Real(file)->Methods->Sync(Real(file), flags);
        }

        var code = tracked.Disk.Ask(DiskCall.Sync, tracked.Path);
        // The files are in memory, so that thousands of runs fit into seconds: what is durable is what the disk remembers.
        tracked.Synced(durable: code == Ok);
        return code;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileSize(VfsFile* file, long* size) => Real(file)->Methods->FileSize(Real(file), size);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Lock(VfsFile* file, int level) => Real(file)->Methods->Lock(Real(file), level);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int Unlock(VfsFile* file, int level) => Real(file)->Methods->Unlock(Real(file), level);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int CheckReservedLock(VfsFile* file, int* held) => Real(file)->Methods->CheckReservedLock(Real(file), held);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int FileControl(VfsFile* file, int operation, void* argument) => Real(file)->Methods->FileControl(Real(file), operation, argument);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int SectorSize(VfsFile* file) => Real(file)->Methods->SectorSize(Real(file));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int DeviceCharacteristics(VfsFile* file) => Real(file)->Methods->DeviceCharacteristics(Real(file));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmMap(VfsFile* file, int region, int size, int extend, void** memory)
    {
        var tracked = Tracked(file);
        var code = tracked?.Disk.Ask(DiskCall.SharedMemory, tracked.Path) ?? Ok;
        return code != Ok ? code : Real(file)->Methods->ShmMap(Real(file), region, size, extend, memory);
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmLock(VfsFile* file, int offset, int count, int flags) => Real(file)->Methods->ShmLock(Real(file), offset, count, flags);

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ShmBarrier(VfsFile* file) => Real(file)->Methods->ShmBarrier(Real(file));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static int ShmUnmap(VfsFile* file, int delete) => Real(file)->Methods->ShmUnmap(Real(file), delete);

    private static VfsFile* Real(VfsFile* file) => (VfsFile*)((byte*)file + HeaderBytes);

    private static DiskFile? Tracked(VfsFile* file) => file->Handle == 0 ? null : (DiskFile?)GCHandle.FromIntPtr(file->Handle).Target;

    [LibraryImport("sqlite3", EntryPoint = "sqlite3_vfs_find")]
    private static partial Vfs* Find(byte* name);

    [LibraryImport("sqlite3", EntryPoint = "sqlite3_vfs_register")]
    private static partial int Register(Vfs* vfs, int makeDefault);

    /// <summary>sqlite3_file, of which SQLite knows the methods only.</summary>
    private struct VfsFile
    {
        public IoMethods* Methods;
        public nint Handle;
    }

#pragma warning disable CS0649 // Fields that come from the real file system as a whole.
    /// <summary>sqlite3_vfs, version 3.</summary>
    private struct Vfs
    {
        public int Version;
        public int OsFileBytes;
        public int MaxPathBytes;
        public Vfs* Next;
        public byte* Name;
        public void* AppData;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, VfsFile*, int, int*, int> Open;
        public delegate* unmanaged[Cdecl]<Vfs*, byte*, int, int> Delete;
        public fixed long Rest[14];
    }
#pragma warning restore CS0649

    /// <summary>sqlite3_io_methods, version 2: without memory mapping of the file itself.</summary>
    private struct IoMethods
    {
        public int Version;
        public delegate* unmanaged[Cdecl]<VfsFile*, int> Close;
        public delegate* unmanaged[Cdecl]<VfsFile*, byte*, int, long, int> Read;
        public delegate* unmanaged[Cdecl]<VfsFile*, byte*, int, long, int> Write;
        public delegate* unmanaged[Cdecl]<VfsFile*, long, int> Truncate;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, int> Sync;
        public delegate* unmanaged[Cdecl]<VfsFile*, long*, int> FileSize;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, int> Lock;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, int> Unlock;
        public delegate* unmanaged[Cdecl]<VfsFile*, int*, int> CheckReservedLock;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, void*, int> FileControl;
        public delegate* unmanaged[Cdecl]<VfsFile*, int> SectorSize;
        public delegate* unmanaged[Cdecl]<VfsFile*, int> DeviceCharacteristics;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, int, int, void**, int> ShmMap;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, int, int, int> ShmLock;
        public delegate* unmanaged[Cdecl]<VfsFile*, void> ShmBarrier;
        public delegate* unmanaged[Cdecl]<VfsFile*, int, int> ShmUnmap;
    }
}
