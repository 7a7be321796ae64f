// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// PRIVATE to the collection: the key containers of the machine, in CryptoAPI and in CNG. No key is opened, and nothing is changed.

using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;

//TypeAccelerator -Name RrasSstp.KeyContainers -TypeName KeyContainers

namespace ansible_collections.rras.sstp.plugins.module_utils._KeyContainers
{
    internal static class NativeMethods
    {
        public const uint CRYPT_VERIFYCONTEXT = 0xF0000000;
        public const uint CRYPT_MACHINE_KEYSET = 0x20;
        public const uint CRYPT_FIRST = 1;
        public const uint CRYPT_NEXT = 2;
        public const uint PP_ENUMCONTAINERS = 2;
        public const int ERROR_NO_MORE_ITEMS = 259;
        public const uint NCRYPT_MACHINE_KEY_FLAG = 0x20;
        public const uint NCRYPT_SILENT_FLAG = 0x40;
        public const int NTE_NO_MORE_ITEMS = unchecked((int)0x8009002A);
        public const int NTE_NOT_SUPPORTED = unchecked((int)0x80090029);

        [DllImport("advapi32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        public static extern bool CryptAcquireContextW(out IntPtr provider, string container, string providerName, uint type, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptGetProvParam(IntPtr provider, uint parameter, byte[] data, ref uint length, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptReleaseContext(IntPtr provider, uint flags);

        // The functions of ncrypt.dll return a SECURITY_STATUS themselves.
        [DllImport("ncrypt.dll", CharSet = CharSet.Unicode)]
        public static extern int NCryptOpenStorageProvider(out IntPtr provider, string name, uint flags);

        [DllImport("ncrypt.dll", CharSet = CharSet.Unicode)]
        public static extern int NCryptEnumKeys(IntPtr provider, string scope, out IntPtr keyName, ref IntPtr position, uint flags);

        [DllImport("ncrypt.dll")]
        public static extern int NCryptFreeBuffer(IntPtr buffer);

        [DllImport("ncrypt.dll")]
        public static extern int NCryptFreeObject(IntPtr handle);
    }

    public sealed class KeyContainerException : Win32Exception
    {
        public string Function { get; private set; }

        public KeyContainerException(string function, int code) : base(code)
        {
            Function = function;
        }
    }

    public static class KeyContainers
    {
        // The names of a provider's containers, limit at most and one more where there are more. Type 0: a key storage provider of CNG.
        public static List<string> List(string provider, uint type, int limit)
        {
            return type == 0 ? ListOfCng(provider, limit + 1) : ListOfCsp(provider, type, limit + 1);
        }

        private static List<string> ListOfCsp(string name, uint type, int most)
        {
            IntPtr provider;
            if (!NativeMethods.CryptAcquireContextW(out provider, null, name, type, NativeMethods.CRYPT_VERIFYCONTEXT | NativeMethods.CRYPT_MACHINE_KEYSET))
            {
                throw new KeyContainerException("CryptAcquireContext", Marshal.GetLastWin32Error());
            }
            try
            {
                List<string> found = new List<string>();
                // The first call without a buffer tells how long the longest name is.
                uint longest = 0;
                bool any = NativeMethods.CryptGetProvParam(provider, NativeMethods.PP_ENUMCONTAINERS, null, ref longest, NativeMethods.CRYPT_FIRST);
                byte[] buffer = new byte[any ? Math.Max((int)longest, 512) : 512];
                uint flags = NativeMethods.CRYPT_FIRST;
                while (found.Count < most)
                {
                    uint length = (uint)buffer.Length;
                    if (!NativeMethods.CryptGetProvParam(provider, NativeMethods.PP_ENUMCONTAINERS, buffer, ref length, flags))
                    {
                        int code = Marshal.GetLastWin32Error();
                        if (code == NativeMethods.ERROR_NO_MORE_ITEMS)
                        {
                            break;
                        }
                        throw new KeyContainerException("CryptGetProvParam", code);
                    }
                    int end = Array.IndexOf<byte>(buffer, 0);
                    found.Add(Encoding.Default.GetString(buffer, 0, end < 0 ? buffer.Length : end));
                    flags = NativeMethods.CRYPT_NEXT;
                }
                return found;
            }
            finally
            {
                NativeMethods.CryptReleaseContext(provider, 0);
            }
        }

        private static List<string> ListOfCng(string name, int most)
        {
            try
            {
                IntPtr provider;
                Check("NCryptOpenStorageProvider", NativeMethods.NCryptOpenStorageProvider(out provider, name, 0));
                try
                {
                    return EnumerateKeys(provider, most);
                }
                finally
                {
                    NativeMethods.NCryptFreeObject(provider);
                }
            }
            catch (EntryPointNotFoundException)
            {
                throw new KeyContainerException("NCryptEnumKeys", NativeMethods.NTE_NOT_SUPPORTED);
            }
        }

        // What is given is an NCryptKeyName, whose first field is the name: https://learn.microsoft.com/windows/win32/api/ncrypt/ns-ncrypt-ncryptkeyname
        private static List<string> EnumerateKeys(IntPtr provider, int most)
        {
            List<string> found = new List<string>();
            IntPtr position = IntPtr.Zero;
            try
            {
                while (found.Count < most)
                {
                    IntPtr key;
                    uint flags = NativeMethods.NCRYPT_MACHINE_KEY_FLAG | NativeMethods.NCRYPT_SILENT_FLAG;
                    int code = NativeMethods.NCryptEnumKeys(provider, null, out key, ref position, flags);
                    if (code == NativeMethods.NTE_NO_MORE_ITEMS)
                    {
                        break;
                    }
                    Check("NCryptEnumKeys", code);
                    found.Add(Marshal.PtrToStringUni(Marshal.ReadIntPtr(key)));
                    NativeMethods.NCryptFreeBuffer(key);
                }
            }
            finally
            {
                if (position != IntPtr.Zero)
                {
                    NativeMethods.NCryptFreeBuffer(position);
                }
            }
            return found;
        }

        private static void Check(string function, int code)
        {
            if (code != 0)
            {
                throw new KeyContainerException(function, code);
            }
        }
    }
}
