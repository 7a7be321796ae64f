// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// PRIVATE to the collection: how many connections RRAS has, through mprapi.dll. No policy, and nothing of who is connected.
// https://learn.microsoft.com/windows/win32/api/mprapi/nf-mprapi-mpradminserverconnect
// https://learn.microsoft.com/windows/win32/api/mprapi/nf-mprapi-mpradminconnectionenumex
// https://learn.microsoft.com/windows/win32/api/mprapi/nf-mprapi-mpradminconnectionenum

using System;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Threading;

//TypeAccelerator -Name RrasSstp.VpnSessions -TypeName VpnSessions

namespace ansible_collections.rras.sstp.plugins.module_utils._Sessions
{
    internal static class NativeMethods
    {
        // https://learn.microsoft.com/windows/win32/api/mprapi/ns-mprapi-mprapi_object_header
        public const byte MPRAPI_RAS_CONNECTION_OBJECT_REVISION_1 = 1;
        public const byte MPRAPI_OBJECT_TYPE_RAS_CONNECTION_OBJECT = 1;
        // sizeof(RAS_CONNECTION_EX) where a pointer has 64 bits. Nothing of that struct is read.
        // https://learn.microsoft.com/windows/win32/api/mprapi/ns-mprapi-ras_connection_ex
        public const ushort SizeOfConnection = 1672;
        public const uint MAX_PREFERRED_LENGTH = 0xFFFFFFFF;

        [StructLayout(LayoutKind.Sequential)]
        public struct MPRAPI_OBJECT_HEADER
        {
            public byte revision;
            public byte type;
            public ushort size;
        }

        // Each function returns the Win32 code itself.
        [DllImport("mprapi.dll", CharSet = CharSet.Unicode)]
        public static extern uint MprAdminServerConnect(string serverName, out IntPtr server);

        [DllImport("mprapi.dll")]
        public static extern void MprAdminServerDisconnect(IntPtr server);

        [DllImport("mprapi.dll")]
        public static extern uint MprAdminConnectionEnumEx(IntPtr server, ref MPRAPI_OBJECT_HEADER header, uint preferredLength,
            out uint entriesRead, out uint totalEntries, out IntPtr connections, ref uint resumeHandle);

        [DllImport("mprapi.dll")]
        public static extern uint MprAdminConnectionEnum(IntPtr server, uint level, out IntPtr buffer, uint preferredLength,
            out uint entriesRead, out uint totalEntries, ref uint resumeHandle);

        [DllImport("mprapi.dll")]
        public static extern uint MprAdminBufferFree(IntPtr buffer);
    }

    public class SessionsException : Win32Exception
    {
        public string Function { get; private set; }

        public SessionsException(string function, uint code) : base(unchecked((int)code))
        {
            Function = function;
        }
    }

    // The RRAS of this computer.
    public sealed class RasServer : IDisposable
    {
        private const uint ERROR_NOT_SUPPORTED = 50;
        private const uint ERROR_INVALID_PARAMETER = 87;
        private const uint ERROR_CALL_NOT_IMPLEMENTED = 120;
        private const uint ERROR_PROC_NOT_FOUND = 127;
        private const uint ERROR_MORE_DATA = 234;

        private IntPtr _server;

        public RasServer()
        {
            uint code = NativeMethods.MprAdminServerConnect(null, out _server);
            if (code != 0)
            {
                throw new SessionsException("MprAdminServerConnect", code);
            }
        }

        public void Dispose()
        {
            if (_server != IntPtr.Zero)
            {
                NativeMethods.MprAdminServerDisconnect(_server);
                _server = IntPtr.Zero;
            }
        }

        // All connections, of every protocol. MprAdminConnectionEnumEx is there since Windows Server 2008 R2.
        public int Count()
        {
            try
            {
                if (IntPtr.Size == 8)
                {
                    return Count("MprAdminConnectionEnumEx", ListEx);
                }
            }
            catch (EntryPointNotFoundException)
            {
            }
            catch (SessionsException e)
            {
                uint code = unchecked((uint)e.NativeErrorCode);
                if (code != ERROR_NOT_SUPPORTED && code != ERROR_INVALID_PARAMETER && code != ERROR_CALL_NOT_IMPLEMENTED && code != ERROR_PROC_NOT_FOUND)
                {
                    throw;
                }
            }
            return Count("MprAdminConnectionEnum", ListBasic);
        }

        private delegate uint Lister(out uint entriesRead, out IntPtr buffer, ref uint resumeHandle);

        // More data without an entry would go on for ever: that is an error as well.
        private static int Count(string function, Lister list)
        {
            int count = 0;
            uint resumeHandle = 0;
            while (true)
            {
                uint read;
                IntPtr buffer;
                uint code = list(out read, out buffer, ref resumeHandle);
                if (buffer != IntPtr.Zero)
                {
                    NativeMethods.MprAdminBufferFree(buffer);
                }
                if (code != 0 && !(code == ERROR_MORE_DATA && read > 0))
                {
                    throw new SessionsException(function, code);
                }
                count += (int)read;
                if (code == 0)
                {
                    return count;
                }
            }
        }

        private uint ListEx(out uint entriesRead, out IntPtr buffer, ref uint resumeHandle)
        {
            NativeMethods.MPRAPI_OBJECT_HEADER header = new NativeMethods.MPRAPI_OBJECT_HEADER();
            header.revision = NativeMethods.MPRAPI_RAS_CONNECTION_OBJECT_REVISION_1;
            header.type = NativeMethods.MPRAPI_OBJECT_TYPE_RAS_CONNECTION_OBJECT;
            header.size = NativeMethods.SizeOfConnection;
            uint total;
            return NativeMethods.MprAdminConnectionEnumEx(_server, ref header, NativeMethods.MAX_PREFERRED_LENGTH, out entriesRead, out total, out buffer, ref resumeHandle);
        }

        private uint ListBasic(out uint entriesRead, out IntPtr buffer, ref uint resumeHandle)
        {
            uint total;
            return NativeMethods.MprAdminConnectionEnum(_server, 0, out buffer, NativeMethods.MAX_PREFERRED_LENGTH, out entriesRead, out total, ref resumeHandle);
        }
    }

    public static class VpnSessions
    {
        private const uint ERROR_TIMEOUT = 1460;

        // A service that hangs answers no remote procedure call, and such a call has no time limit of its own: it is left behind then.
        public static int Count(int timeoutMilliseconds)
        {
            int count = 0;
            Exception problem = null;
            Thread worker = new Thread(delegate()
            {
                try
                {
                    using (RasServer server = new RasServer())
                    {
                        count = server.Count();
                    }
                }
                catch (Exception e)
                {
                    problem = e;
                }
            });
            worker.IsBackground = true;
            worker.Start();
            if (!worker.Join(timeoutMilliseconds))
            {
                throw new SessionsException("MprAdminConnectionEnumEx", ERROR_TIMEOUT);
            }
            if (problem != null)
            {
                throw problem;
            }
            return count;
        }
    }
}
