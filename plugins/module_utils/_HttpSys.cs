// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// PRIVATE to the collection: the SSL records of HTTP.SYS through httpapi.dll. No policy: what to write is decided by the caller.
// https://learn.microsoft.com/windows/win32/http/http-server-api-version-1-0-functions

using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Net;
using System.Runtime.InteropServices;

//TypeAccelerator -Name RrasSstp.HttpConfiguration -TypeName HttpConfiguration
//TypeAccelerator -Name RrasSstp.SslFamily -TypeName SslFamily
//TypeAccelerator -Name RrasSstp.SslRecord -TypeName SslRecord

namespace ansible_collections.rras.sstp.plugins.module_utils._HttpSys
{
    internal static class NativeMethods
    {
        public const uint HTTP_INITIALIZE_CONFIG = 2;
        public const uint QueryExact = 0;
        public const uint QueryNext = 1;

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTPAPI_VERSION
        {
            public ushort HttpApiMajorVersion;
            public ushort HttpApiMinorVersion;
        }

        // An array of 64-bit words, because the C declaration is aligned to 8 bytes and one of bytes would not be.
        [StructLayout(LayoutKind.Sequential)]
        public struct SOCKADDR_STORAGE
        {
            [MarshalAs(UnmanagedType.ByValArray, SizeConst = 16)]
            public ulong[] Words;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_KEY
        {
            public IntPtr pIpPort;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_SNI_KEY
        {
            public SOCKADDR_STORAGE IpPort;
            public IntPtr Host;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_CCS_KEY
        {
            public SOCKADDR_STORAGE LocalAddress;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_PARAM
        {
            public uint SslHashLength;
            public IntPtr pSslHash;
            public Guid AppId;
            public IntPtr pSslCertStoreName;
            public uint DefaultCertCheckMode;
            public uint DefaultRevocationFreshnessTime;
            public uint DefaultRevocationUrlRetrievalTimeout;
            public IntPtr pDefaultSslCtlIdentifier;
            public IntPtr pDefaultSslCtlStoreName;
            public uint DefaultFlags;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_SET
        {
            public HTTP_SERVICE_CONFIG_SSL_KEY KeyDesc;
            public HTTP_SERVICE_CONFIG_SSL_PARAM ParamDesc;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_SNI_SET
        {
            public HTTP_SERVICE_CONFIG_SSL_SNI_KEY KeyDesc;
            public HTTP_SERVICE_CONFIG_SSL_PARAM ParamDesc;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_CCS_SET
        {
            public HTTP_SERVICE_CONFIG_SSL_CCS_KEY KeyDesc;
            public HTTP_SERVICE_CONFIG_SSL_PARAM ParamDesc;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_QUERY
        {
            public uint QueryDesc;
            public HTTP_SERVICE_CONFIG_SSL_KEY KeyDesc;
            public uint dwToken;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_SNI_QUERY
        {
            public uint QueryDesc;
            public HTTP_SERVICE_CONFIG_SSL_SNI_KEY KeyDesc;
            public uint dwToken;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct HTTP_SERVICE_CONFIG_SSL_CCS_QUERY
        {
            public uint QueryDesc;
            public HTTP_SERVICE_CONFIG_SSL_CCS_KEY KeyDesc;
            public uint dwToken;
        }

        // Each function returns the Win32 code itself, as a 32-bit ULONG: GetLastError says nothing.
        [DllImport("httpapi.dll")]
        public static extern uint HttpInitialize(HTTPAPI_VERSION version, uint flags, IntPtr reserved);

        [DllImport("httpapi.dll")]
        public static extern uint HttpTerminate(uint flags, IntPtr reserved);

        [DllImport("httpapi.dll")]
        public static extern uint HttpQueryServiceConfiguration(IntPtr handle, int configId, IntPtr input, uint inputLength,
            IntPtr output, uint outputLength, out uint returnLength, IntPtr overlapped);

        [DllImport("httpapi.dll")]
        public static extern uint HttpSetServiceConfiguration(IntPtr handle, int configId, IntPtr info, uint length, IntPtr overlapped);

        [DllImport("httpapi.dll")]
        public static extern uint HttpUpdateServiceConfiguration(IntPtr handle, int configId, IntPtr info, uint length, IntPtr overlapped);

        [DllImport("httpapi.dll")]
        public static extern uint HttpDeleteServiceConfiguration(IntPtr handle, int configId, IntPtr info, uint length, IntPtr overlapped);
    }

    public enum SslFamily
    {
        Ip = 1,
        Sni = 5,
        Ccs = 6
    }

    public class HttpSysException : Win32Exception
    {
        public string Function { get; private set; }

        public HttpSysException(string function, uint code) : base(unchecked((int)code))
        {
            Function = function;
        }
    }

    // One SSL record: its key, and the whole of HTTP_SERVICE_CONFIG_SSL_PARAM.
    public class SslRecord
    {
        public SslFamily Family { get; set; }
        public IPEndPoint EndPoint { get; set; }
        public string Host { get; set; }
        public byte[] CertificateHash { get; set; }
        public Guid AppId { get; set; }
        public string StoreName { get; set; }
        public uint CheckMode { get; set; }
        public uint RevocationFreshnessTime { get; set; }
        public uint UrlRetrievalTimeout { get; set; }
        public string CtlIdentifier { get; set; }
        public string CtlStoreName { get; set; }
        public uint Flags { get; set; }
    }

    // The unmanaged memory of one call.
    internal sealed class Arena : IDisposable
    {
        private readonly List<IntPtr> _blocks = new List<IntPtr>();

        public IntPtr Allocate(int size)
        {
            IntPtr block = Marshal.AllocHGlobal(size);
            _blocks.Add(block);
            Marshal.Copy(new byte[size], 0, block, size);
            return block;
        }

        public IntPtr Bytes(byte[] data)
        {
            if (data == null || data.Length == 0)
            {
                return IntPtr.Zero;
            }
            IntPtr block = Allocate(data.Length);
            Marshal.Copy(data, 0, block, data.Length);
            return block;
        }

        public IntPtr Text(string text)
        {
            if (text == null)
            {
                return IntPtr.Zero;
            }
            IntPtr block = Marshal.StringToHGlobalUni(text);
            _blocks.Add(block);
            return block;
        }

        public IntPtr Structure(object value)
        {
            IntPtr block = Allocate(Marshal.SizeOf(value));
            Marshal.StructureToPtr(value, block, false);
            return block;
        }

        public void Dispose()
        {
            foreach (IntPtr block in _blocks)
            {
                Marshal.FreeHGlobal(block);
            }
            _blocks.Clear();
        }
    }

    internal static class SocketAddress
    {
        private const int AF_INET = 2;
        private const int AF_INET6 = 23;

        public static byte[] ToBytes(IPEndPoint endPoint)
        {
            byte[] address = endPoint.Address.GetAddressBytes();
            bool v6 = address.Length == 16;
            byte[] result = new byte[v6 ? 28 : 16];
            result[0] = (byte)(v6 ? AF_INET6 : AF_INET);
            result[2] = (byte)(endPoint.Port >> 8);
            result[3] = (byte)endPoint.Port;
            Buffer.BlockCopy(address, 0, result, v6 ? 8 : 4, address.Length);
            if (v6)
            {
                Buffer.BlockCopy(BitConverter.GetBytes((uint)endPoint.Address.ScopeId), 0, result, 24, 4);
            }
            return result;
        }

        public static NativeMethods.SOCKADDR_STORAGE ToStorage(IPEndPoint endPoint)
        {
            byte[] bytes = ToBytes(endPoint);
            NativeMethods.SOCKADDR_STORAGE storage = new NativeMethods.SOCKADDR_STORAGE();
            storage.Words = new ulong[16];
            Buffer.BlockCopy(bytes, 0, storage.Words, 0, bytes.Length);
            return storage;
        }

        public static IPEndPoint FromStorage(NativeMethods.SOCKADDR_STORAGE storage)
        {
            byte[] bytes = new byte[128];
            Buffer.BlockCopy(storage.Words, 0, bytes, 0, bytes.Length);
            return FromBytes(bytes);
        }

        public static IPEndPoint FromPointer(IntPtr pointer)
        {
            ushort family = (ushort)Marshal.ReadInt16(pointer);
            byte[] bytes = new byte[family == AF_INET6 ? 28 : 16];
            Marshal.Copy(pointer, bytes, 0, bytes.Length);
            return FromBytes(bytes);
        }

        private static IPEndPoint FromBytes(byte[] bytes)
        {
            int port = (bytes[2] << 8) | bytes[3];
            bool v6 = bytes[0] == AF_INET6;
            byte[] address = new byte[v6 ? 16 : 4];
            Buffer.BlockCopy(bytes, v6 ? 8 : 4, address, 0, address.Length);
            return new IPEndPoint(v6 ? new IPAddress(address, BitConverter.ToUInt32(bytes, 24)) : new IPAddress(address), port);
        }
    }

    // Open while records are read or written: HttpInitialize with the configuration flag, HttpTerminate at the end.
    public sealed class HttpConfiguration : IDisposable
    {
        private const uint ERROR_FILE_NOT_FOUND = 2;
        private const uint ERROR_NOT_SUPPORTED = 50;
        private const uint ERROR_INVALID_PARAMETER = 87;
        private const uint ERROR_CALL_NOT_IMPLEMENTED = 120;
        private const uint ERROR_INSUFFICIENT_BUFFER = 122;
        private const uint ERROR_NO_MORE_ITEMS = 259;

        private bool _open;

        public HttpConfiguration()
        {
            NativeMethods.HTTPAPI_VERSION version = new NativeMethods.HTTPAPI_VERSION();
            version.HttpApiMajorVersion = 1;
            Check("HttpInitialize", NativeMethods.HttpInitialize(version, NativeMethods.HTTP_INITIALIZE_CONFIG, IntPtr.Zero));
            _open = true;
        }

        public void Dispose()
        {
            if (_open)
            {
                _open = false;
                NativeMethods.HttpTerminate(NativeMethods.HTTP_INITIALIZE_CONFIG, IntPtr.Zero);
            }
        }

        // The records of a family, in the order in which HTTP.SYS gives them; null where the host does not know the family.
        public SslRecord[] List(SslFamily family)
        {
            List<SslRecord> records = new List<SslRecord>();
            for (uint token = 0; ; token++)
            {
                SslRecord record;
                uint code = Query(family, NativeMethods.QueryNext, null, token, out record);
                if (code == ERROR_NO_MORE_ITEMS)
                {
                    return records.ToArray();
                }
                if (code == ERROR_INVALID_PARAMETER && token == 0)
                {
                    return null;
                }
                Check("HttpQueryServiceConfiguration", code);
                records.Add(record);
            }
        }

        // The record of exactly this key, or null. Of the key's SslRecord only Family, EndPoint and Host are looked at.
        public SslRecord Find(SslRecord key)
        {
            SslRecord record;
            uint code = Query(key.Family, NativeMethods.QueryExact, key, 0, out record);
            if (code == ERROR_FILE_NOT_FOUND)
            {
                return null;
            }
            Check("HttpQueryServiceConfiguration", code);
            return record;
        }

        public void Set(SslRecord record)
        {
            Check("HttpSetServiceConfiguration", Write(record, NativeMethods.HttpSetServiceConfiguration));
        }

        public void Delete(SslRecord key)
        {
            Check("HttpDeleteServiceConfiguration", Write(key, NativeMethods.HttpDeleteServiceConfiguration));
        }

        // Puts a record in the place of the one that has the same key, in one step where the host can do so; true then.
        // HttpUpdateServiceConfiguration is missing from older servers, and its documentation names no server that has it:
        // https://learn.microsoft.com/windows/win32/api/http/nf-http-httpupdateserviceconfiguration
        public bool Replace(SslRecord record)
        {
            SslRecord old = Find(record);
            if (old == null)
            {
                Set(record);
                return true;
            }
            uint code = TryUpdate(record);
            if (code == 0)
            {
                return true;
            }
            if (code != ERROR_CALL_NOT_IMPLEMENTED && code != ERROR_NOT_SUPPORTED && code != ERROR_INVALID_PARAMETER)
            {
                throw new HttpSysException("HttpUpdateServiceConfiguration", code);
            }
            Delete(record);
            try
            {
                Set(record);
            }
            catch (HttpSysException)
            {
                PutBack(old);
                throw;
            }
            return false;
        }

        // The reason why the new record was refused is what counts; that the old one is missing, the caller sees by reading.
        private void PutBack(SslRecord old)
        {
            try
            {
                Set(old);
            }
            catch (HttpSysException)
            {
            }
        }

        private static uint TryUpdate(SslRecord record)
        {
            try
            {
                return Write(record, NativeMethods.HttpUpdateServiceConfiguration);
            }
            catch (EntryPointNotFoundException)
            {
                return ERROR_CALL_NOT_IMPLEMENTED;
            }
        }

        private delegate uint Writer(IntPtr handle, int configId, IntPtr info, uint length, IntPtr overlapped);

        private static uint Write(SslRecord record, Writer writer)
        {
            using (Arena arena = new Arena())
            {
                object set = ToSet(record, arena);
                return writer(IntPtr.Zero, (int)record.Family, arena.Structure(set), (uint)Marshal.SizeOf(set), IntPtr.Zero);
            }
        }

        // Between the call that asks for the size and the one that fetches, a record may grow: hence the loop on 122.
        private static uint Query(SslFamily family, uint kind, SslRecord key, uint token, out SslRecord record)
        {
            record = null;
            using (Arena arena = new Arena())
            {
                object query = ToQuery(family, kind, key, token, arena);
                IntPtr input = arena.Structure(query);
                uint length = (uint)Marshal.SizeOf(query);
                uint size = 0;
                IntPtr output = IntPtr.Zero;
                while (true)
                {
                    uint needed;
                    uint code = NativeMethods.HttpQueryServiceConfiguration(IntPtr.Zero, (int)family, input, length, output, size, out needed, IntPtr.Zero);
                    if (code == ERROR_INSUFFICIENT_BUFFER && needed > size)
                    {
                        size = needed;
                        output = arena.Allocate((int)needed);
                        continue;
                    }
                    if (code == 0)
                    {
                        record = FromSet(family, output);
                    }
                    return code;
                }
            }
        }

        private static object ToQuery(SslFamily family, uint kind, SslRecord key, uint token, Arena arena)
        {
            if (family == SslFamily.Ip)
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_QUERY ip = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_QUERY();
                ip.QueryDesc = kind;
                ip.dwToken = token;
                if (key != null)
                {
                    ip.KeyDesc.pIpPort = arena.Bytes(SocketAddress.ToBytes(key.EndPoint));
                }
                return ip;
            }
            NativeMethods.SOCKADDR_STORAGE storage = SocketAddress.ToStorage(key != null ? key.EndPoint : new IPEndPoint(IPAddress.Any, 0));
            if (family == SslFamily.Sni)
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_QUERY sni = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_QUERY();
                sni.QueryDesc = kind;
                sni.dwToken = token;
                sni.KeyDesc.IpPort = storage;
                sni.KeyDesc.Host = arena.Text(key != null ? key.Host : null);
                return sni;
            }
            NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_QUERY ccs = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_QUERY();
            ccs.QueryDesc = kind;
            ccs.dwToken = token;
            ccs.KeyDesc.LocalAddress = storage;
            return ccs;
        }

        private static object ToSet(SslRecord record, Arena arena)
        {
            NativeMethods.HTTP_SERVICE_CONFIG_SSL_PARAM param = ToParam(record, arena);
            if (record.Family == SslFamily.Ip)
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_SET ip = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_SET();
                ip.KeyDesc.pIpPort = arena.Bytes(SocketAddress.ToBytes(record.EndPoint));
                ip.ParamDesc = param;
                return ip;
            }
            if (record.Family == SslFamily.Sni)
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_SET sni = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_SET();
                sni.KeyDesc.IpPort = SocketAddress.ToStorage(record.EndPoint);
                sni.KeyDesc.Host = arena.Text(record.Host);
                sni.ParamDesc = param;
                return sni;
            }
            NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_SET ccs = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_SET();
            ccs.KeyDesc.LocalAddress = SocketAddress.ToStorage(record.EndPoint);
            ccs.ParamDesc = param;
            return ccs;
        }

        private static NativeMethods.HTTP_SERVICE_CONFIG_SSL_PARAM ToParam(SslRecord record, Arena arena)
        {
            NativeMethods.HTTP_SERVICE_CONFIG_SSL_PARAM param = new NativeMethods.HTTP_SERVICE_CONFIG_SSL_PARAM();
            param.SslHashLength = (uint)(record.CertificateHash == null ? 0 : record.CertificateHash.Length);
            param.pSslHash = arena.Bytes(record.CertificateHash);
            param.AppId = record.AppId;
            param.pSslCertStoreName = arena.Text(record.StoreName);
            param.DefaultCertCheckMode = record.CheckMode;
            param.DefaultRevocationFreshnessTime = record.RevocationFreshnessTime;
            param.DefaultRevocationUrlRetrievalTimeout = record.UrlRetrievalTimeout;
            param.pDefaultSslCtlIdentifier = arena.Text(record.CtlIdentifier);
            param.pDefaultSslCtlStoreName = arena.Text(record.CtlStoreName);
            param.DefaultFlags = record.Flags;
            return param;
        }

        private static SslRecord FromSet(SslFamily family, IntPtr buffer)
        {
            SslRecord record;
            if (family == SslFamily.Ip)
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_SET ip = (NativeMethods.HTTP_SERVICE_CONFIG_SSL_SET)Marshal.PtrToStructure(
                    buffer, typeof(NativeMethods.HTTP_SERVICE_CONFIG_SSL_SET));
                record = FromParam(ip.ParamDesc);
                record.EndPoint = SocketAddress.FromPointer(ip.KeyDesc.pIpPort);
            }
            else if (family == SslFamily.Sni)
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_SET sni = (NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_SET)Marshal.PtrToStructure(
                    buffer, typeof(NativeMethods.HTTP_SERVICE_CONFIG_SSL_SNI_SET));
                record = FromParam(sni.ParamDesc);
                record.EndPoint = SocketAddress.FromStorage(sni.KeyDesc.IpPort);
                record.Host = Marshal.PtrToStringUni(sni.KeyDesc.Host);
            }
            else
            {
                NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_SET ccs = (NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_SET)Marshal.PtrToStructure(
                    buffer, typeof(NativeMethods.HTTP_SERVICE_CONFIG_SSL_CCS_SET));
                record = FromParam(ccs.ParamDesc);
                record.EndPoint = SocketAddress.FromStorage(ccs.KeyDesc.LocalAddress);
            }
            record.Family = family;
            return record;
        }

        private static SslRecord FromParam(NativeMethods.HTTP_SERVICE_CONFIG_SSL_PARAM param)
        {
            SslRecord record = new SslRecord();
            record.CertificateHash = new byte[param.pSslHash == IntPtr.Zero ? 0 : (int)param.SslHashLength];
            if (record.CertificateHash.Length > 0)
            {
                Marshal.Copy(param.pSslHash, record.CertificateHash, 0, record.CertificateHash.Length);
            }
            record.AppId = param.AppId;
            record.StoreName = Marshal.PtrToStringUni(param.pSslCertStoreName);
            record.CheckMode = param.DefaultCertCheckMode;
            record.RevocationFreshnessTime = param.DefaultRevocationFreshnessTime;
            record.UrlRetrievalTimeout = param.DefaultRevocationUrlRetrievalTimeout;
            record.CtlIdentifier = Marshal.PtrToStringUni(param.pDefaultSslCtlIdentifier);
            record.CtlStoreName = Marshal.PtrToStringUni(param.pDefaultSslCtlStoreName);
            record.Flags = param.DefaultFlags;
            return record;
        }

        private static void Check(string function, uint code)
        {
            if (code != 0)
            {
                throw new HttpSysException(function, code);
            }
        }
    }
}
