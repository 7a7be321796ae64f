// Copyright (c) 2026 The rras.sstp authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

// PRIVATE to the collection: the certificate stores of LocalMachine, their private keys, and the certificate that a port serves.
// No policy: which certificate to import, use or delete is decided by the caller.

using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.IO;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Security.AccessControl;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

//TypeAccelerator -Name RrasSstp.MachineStore -TypeName MachineStore
//TypeAccelerator -Name RrasSstp.KeyLocation -TypeName KeyLocation
//TypeAccelerator -Name RrasSstp.ServedCertificate -TypeName ServedCertificate

namespace ansible_collections.rras.sstp.plugins.module_utils._Certificates
{
    internal static class NativeMethods
    {
        public const uint X509_ASN_ENCODING = 1;
        public const uint CERT_STORE_PROV_SYSTEM_W = 10;
        public const uint CERT_SYSTEM_STORE_LOCAL_MACHINE = 0x00020000;
        public const uint CERT_SYSTEM_STORE_SERVICES = 0x00050000;
        public const uint CERT_STORE_OPEN_EXISTING_FLAG = 0x00004000;
        public const uint CERT_STORE_READONLY_FLAG = 0x00008000;
        public const uint CERT_STORE_ADD_USE_EXISTING = 2;
        public const uint CERT_STORE_ADD_REPLACE_EXISTING = 3;
        public const uint CERT_STORE_CTRL_COMMIT_FORCE_FLAG = 1;
        public const uint CERT_STORE_CTRL_COMMIT = 3;
        public const uint CERT_FIND_SHA1_HASH = 0x00010000;
        public const uint CERT_FIND_SUBJECT_NAME = 0x00020007;
        public const uint CERT_KEY_PROV_INFO_PROP_ID = 2;
        public const uint CERT_FRIENDLY_NAME_PROP_ID = 11;
        public const uint CRYPT_EXPORTABLE = 1;
        public const uint CRYPT_EXPORT = 4;
        public const uint PKCS12_ALWAYS_CNG_KSP = 0x200;
        public const uint KP_PERMISSIONS = 6;
        public const uint PP_KEYSET_SEC_DESCR = 8;
        public const uint DACL_SECURITY_INFORMATION = 4;
        public const uint NCRYPT_ALLOW_EXPORT_FLAG = 1;
        public const uint NCRYPT_ALLOW_PLAINTEXT_EXPORT_FLAG = 2;
        public const uint CRYPT_DELETEKEYSET = 0x10;
        public const uint CRYPT_MACHINE_KEYSET = 0x20;
        public const uint CRYPT_SILENT = 0x40;
        public const uint CRYPT_ACQUIRE_SILENT_FLAG = 0x40;
        public const uint CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG = 0x00010000;
        public const uint CERT_NCRYPT_KEY_SPEC = 0xFFFFFFFF;
        public const uint AT_KEYEXCHANGE = 1;
        public const uint AT_SIGNATURE = 2;
        public const uint CALG_SHA1 = 0x8004;
        public const uint CALG_SHA_256 = 0x800C;
        public const uint NCRYPT_SILENT_FLAG = 0x40;
        public const uint BCRYPT_PAD_PKCS1 = 2;

        [StructLayout(LayoutKind.Sequential)]
        public struct CRYPTOAPI_BLOB
        {
            public uint cbData;
            public IntPtr pbData;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct CERT_CONTEXT
        {
            public uint dwCertEncodingType;
            public IntPtr pbCertEncoded;
            public uint cbCertEncoded;
            public IntPtr pCertInfo;
            public IntPtr hCertStore;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct CRYPT_KEY_PROV_INFO
        {
            public IntPtr pwszContainerName;
            public IntPtr pwszProvName;
            public uint dwProvType;
            public uint dwFlags;
            public uint cProvParam;
            public IntPtr rgProvParam;
            public uint dwKeySpec;
        }

        [StructLayout(LayoutKind.Sequential)]
        public struct BCRYPT_PKCS1_PADDING_INFO
        {
            public IntPtr pszAlgId;
        }

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern IntPtr CertOpenStore(IntPtr provider, uint encoding, IntPtr hProv, uint flags, [MarshalAs(UnmanagedType.LPWStr)] string name);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertCloseStore(IntPtr store, uint flags);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertControlStore(IntPtr store, uint flags, uint type, IntPtr parameter);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern IntPtr CertEnumCertificatesInStore(IntPtr store, IntPtr previous);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern IntPtr CertFindCertificateInStore(IntPtr store, uint encoding, uint flags, uint type, ref CRYPTOAPI_BLOB hash, IntPtr previous);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertFreeCertificateContext(IntPtr context);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertGetCertificateContextProperty(IntPtr context, uint property, IntPtr data, ref uint size);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertSetCertificateContextProperty(IntPtr context, uint property, uint flags, ref CRYPTOAPI_BLOB data);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertAddCertificateContextToStore(IntPtr store, IntPtr context, uint disposition, IntPtr added);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertDeleteCertificateFromStore(IntPtr context);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CertAddEncodedCertificateToStore(IntPtr store, uint encoding, byte[] data, uint length, uint disposition, IntPtr added);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern IntPtr PFXImportCertStore(ref CRYPTOAPI_BLOB pfx, [MarshalAs(UnmanagedType.LPWStr)] string password, uint flags);

        [DllImport("crypt32.dll", SetLastError = true)]
        public static extern bool CryptAcquireCertificatePrivateKey(IntPtr context, uint flags, IntPtr parameters, out IntPtr key, out uint keySpec, out bool callerFree);

        [DllImport("advapi32.dll", SetLastError = true, CharSet = CharSet.Unicode)]
        public static extern bool CryptAcquireContextW(out IntPtr provider, string container, string providerName, uint type, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptReleaseContext(IntPtr provider, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptCreateHash(IntPtr provider, uint algorithm, IntPtr key, uint flags, out IntPtr hash);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptHashData(IntPtr hash, byte[] data, uint length, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptSignHashW(IntPtr hash, uint keySpec, IntPtr description, uint flags, byte[] signature, ref uint length);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptDestroyHash(IntPtr hash);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptGetProvParam(IntPtr provider, uint parameter, byte[] data, ref uint length, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptGetUserKey(IntPtr provider, uint keySpec, out IntPtr key);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptGetKeyParam(IntPtr key, uint parameter, out uint data, ref uint length, uint flags);

        [DllImport("advapi32.dll", SetLastError = true)]
        public static extern bool CryptDestroyKey(IntPtr key);

        // The functions of ncrypt.dll return a SECURITY_STATUS themselves.
        [DllImport("ncrypt.dll", CharSet = CharSet.Unicode)]
        public static extern int NCryptOpenStorageProvider(out IntPtr provider, string name, uint flags);

        [DllImport("ncrypt.dll", CharSet = CharSet.Unicode)]
        public static extern int NCryptOpenKey(IntPtr provider, out IntPtr key, string name, uint legacyKeySpec, uint flags);

        [DllImport("ncrypt.dll")]
        public static extern int NCryptDeleteKey(IntPtr key, uint flags);

        [DllImport("ncrypt.dll")]
        public static extern int NCryptFreeObject(IntPtr handle);

        [DllImport("ncrypt.dll", CharSet = CharSet.Unicode)]
        public static extern int NCryptGetProperty(IntPtr handle, string property, byte[] output, int length, out int written, uint flags);

        [DllImport("ncrypt.dll")]
        public static extern int NCryptSignHash(IntPtr key, IntPtr padding, byte[] hash, int hashLength, byte[] signature, int length, out int written, uint flags);
    }

    public class CertificateException : Win32Exception
    {
        public string Function { get; private set; }

        public CertificateException(string function, int code) : base(code)
        {
            Function = function;
        }
    }

    // CRYPT_KEY_PROV_INFO: where a certificate's private key is said to be. ProviderType 0 is a CNG key storage provider.
    public class KeyLocation
    {
        public string Container { get; set; }
        public string Provider { get; set; }
        public uint ProviderType { get; set; }
        public uint Flags { get; set; }
        public uint KeySpec { get; set; }
    }

    public class StoredCertificate
    {
        public byte[] Hash { get; set; }
        public byte[] RawData { get; set; }
        public string FriendlyName { get; set; }
        public KeyLocation Key { get; set; }
    }

    // Algorithm is rsa-sha256, rsa-sha1 (PKCS #1 v1.5) or ecdsa-sha256 (r and s, of equal length, one after the other).
    public class KeySignature
    {
        public string Algorithm { get; set; }
        public byte[] Data { get; set; }
    }

    // Code is 0 when the private key opens without asking anybody, else the error code of the attempt. Exportable and Security (its DACL as
    // SDDL) are null where they cannot be read.
    public class KeyState
    {
        public int Code { get; set; }
        public bool? Exportable { get; set; }
        public string Security { get; set; }
    }

    // An open store of LocalMachine. On some systems changes are written when the store closes: no context outlives a call.
    public sealed class MachineStore : IDisposable
    {
        private const int ERROR_FILE_NOT_FOUND = 2;
        private const int NTE_BAD_KEYSET = unchecked((int)0x80090016);
        private const int NTE_NOT_FOUND = unchecked((int)0x80090011);

        private IntPtr _store;

        private MachineStore(IntPtr store)
        {
            _store = store;
        }

        // To read: null where there is no store of that name. To write: it is made.
        public static MachineStore Open(string name, bool writable)
        {
            return Open(name, writable, NativeMethods.CERT_SYSTEM_STORE_LOCAL_MACHINE);
        }

        // A store of a service's own, to read; the name is SERVICE\STORE.
        public static MachineStore OpenOfService(string name)
        {
            return Open(name, false, NativeMethods.CERT_SYSTEM_STORE_SERVICES);
        }

        private static MachineStore Open(string name, bool writable, uint flags)
        {
            if (!writable)
            {
                flags |= NativeMethods.CERT_STORE_OPEN_EXISTING_FLAG | NativeMethods.CERT_STORE_READONLY_FLAG;
            }
            IntPtr store = NativeMethods.CertOpenStore((IntPtr)NativeMethods.CERT_STORE_PROV_SYSTEM_W, 0, IntPtr.Zero, flags, name);
            if (store != IntPtr.Zero)
            {
                return new MachineStore(store);
            }
            int code = Marshal.GetLastWin32Error();
            if (code == ERROR_FILE_NOT_FOUND)
            {
                return null;
            }
            throw new CertificateException("CertOpenStore", code);
        }

        public void Dispose()
        {
            if (_store != IntPtr.Zero)
            {
                NativeMethods.CertCloseStore(_store, 0);
                _store = IntPtr.Zero;
            }
        }

        public StoredCertificate[] List()
        {
            List<StoredCertificate> result = new List<StoredCertificate>();
            IntPtr context = IntPtr.Zero;
            while ((context = NativeMethods.CertEnumCertificatesInStore(_store, context)) != IntPtr.Zero)
            {
                result.Add(Describe(context));
            }
            return result.ToArray();
        }

        // The certificates whose subject is that name (DER), byte for byte.
        public StoredCertificate[] ListBySubject(byte[] name)
        {
            List<StoredCertificate> result = new List<StoredCertificate>();
            using (PinnedBytes pinned = new PinnedBytes(name))
            {
                NativeMethods.CRYPTOAPI_BLOB blob = pinned.Blob;
                IntPtr context = IntPtr.Zero;
                while ((context = NativeMethods.CertFindCertificateInStore(
                    _store, NativeMethods.X509_ASN_ENCODING, 0, NativeMethods.CERT_FIND_SUBJECT_NAME, ref blob, context)) != IntPtr.Zero)
                {
                    result.Add(Describe(context));
                }
            }
            return result.ToArray();
        }

        // Null where there is none of that hash.
        public StoredCertificate FindByHash(byte[] hash)
        {
            IntPtr context = Find(hash);
            return context == IntPtr.Zero ? null : ReadAndFree<StoredCertificate>(context, Describe);
        }

        public KeyState TryAcquire(byte[] hash)
        {
            return WithContext(hash, delegate(IntPtr context)
            {
                KeyState state = new KeyState();
                try
                {
                    using (PrivateKey key = PrivateKey.Acquire(context))
                    {
                        state.Exportable = key.IsExportable();
                        state.Security = key.ReadSecurity();
                    }
                }
                catch (CertificateException e)
                {
                    state.Code = e.NativeErrorCode;
                }
                return state;
            });
        }

        public KeySignature Sign(byte[] hash, byte[] data)
        {
            return WithContext(hash, delegate(IntPtr context)
            {
                using (PrivateKey key = PrivateKey.Acquire(context))
                {
                    return key.Sign(data);
                }
            });
        }

        // Imports the certificate of that hash out of a PFX, its private key into the machine's key set.
        public void Import(byte[] pfx, string password, byte[] hash, bool exportable, string friendlyName, bool cng)
        {
            using (PinnedBytes pinned = new PinnedBytes(pfx))
            {
                NativeMethods.CRYPTOAPI_BLOB blob = pinned.Blob;
                uint flags = NativeMethods.CRYPT_MACHINE_KEYSET | (exportable ? NativeMethods.CRYPT_EXPORTABLE : 0) | (cng ? NativeMethods.PKCS12_ALWAYS_CNG_KSP : 0);
                IntPtr memory = NativeMethods.PFXImportCertStore(ref blob, password, flags);
                if (memory == IntPtr.Zero)
                {
                    throw new CertificateException("PFXImportCertStore", Marshal.GetLastWin32Error());
                }
                using (MachineStore imported = new MachineStore(memory))
                {
                    try
                    {
                        imported.WithContext(hash, delegate(IntPtr context)
                        {
                            Add(context, friendlyName);
                            return true;
                        });
                    }
                    catch
                    {
                        imported.DropKeys();
                        throw;
                    }
                }
            }
        }

        // A certificate without a key; one that is there stays as it is.
        public void Add(byte[] raw)
        {
            if (!NativeMethods.CertAddEncodedCertificateToStore(
                _store, NativeMethods.X509_ASN_ENCODING, raw, (uint)raw.Length, NativeMethods.CERT_STORE_ADD_USE_EXISTING, IntPtr.Zero))
            {
                throw new CertificateException("CertAddEncodedCertificateToStore", Marshal.GetLastWin32Error());
            }
            Commit();
        }

        // The private key first, so that a failure leaves the certificate by which one can try again.
        public void Delete(byte[] hash, bool withKey)
        {
            KeyLocation key = WithContext<KeyLocation>(hash, ReadKeyLocation);
            if (withKey && key != null)
            {
                DeleteKey(key);
            }
            // CertDeleteCertificateFromStore frees the context, also when it fails.
            if (!NativeMethods.CertDeleteCertificateFromStore(Find(hash)))
            {
                throw new CertificateException("CertDeleteCertificateFromStore", Marshal.GetLastWin32Error());
            }
            Commit();
        }

        // Stores may keep changes until they are closed, and not count a replaced certificate as one: hence the force. A store that writes
        // at once answers with an error, and has written already.
        private void Commit()
        {
            NativeMethods.CertControlStore(_store, NativeMethods.CERT_STORE_CTRL_COMMIT_FORCE_FLAG, NativeMethods.CERT_STORE_CTRL_COMMIT, IntPtr.Zero);
        }

        private void Add(IntPtr context, string friendlyName)
        {
            if (!string.IsNullOrEmpty(friendlyName))
            {
                SetFriendlyName(context, friendlyName);
            }
            if (!NativeMethods.CertAddCertificateContextToStore(_store, context, NativeMethods.CERT_STORE_ADD_REPLACE_EXISTING, IntPtr.Zero))
            {
                throw new CertificateException("CertAddCertificateContextToStore", Marshal.GetLastWin32Error());
            }
            Commit();
        }

        // PFXImportCertStore has written the private keys already: those of an import that came to nothing would stay for ever.
        private void DropKeys()
        {
            foreach (StoredCertificate certificate in List())
            {
                try
                {
                    if (certificate.Key != null)
                    {
                        DeleteKey(certificate.Key);
                    }
                }
                catch (CertificateException)
                {
                }
            }
        }

        private delegate T ContextReader<T>(IntPtr context);

        private T WithContext<T>(byte[] hash, ContextReader<T> reader)
        {
            IntPtr context = Find(hash);
            if (context == IntPtr.Zero)
            {
                throw new CertificateException("CertFindCertificateInStore", Marshal.GetLastWin32Error());
            }
            return ReadAndFree(context, reader);
        }

        private static T ReadAndFree<T>(IntPtr context, ContextReader<T> reader)
        {
            try
            {
                return reader(context);
            }
            finally
            {
                NativeMethods.CertFreeCertificateContext(context);
            }
        }

        private IntPtr Find(byte[] hash)
        {
            using (PinnedBytes pinned = new PinnedBytes(hash))
            {
                NativeMethods.CRYPTOAPI_BLOB blob = pinned.Blob;
                return NativeMethods.CertFindCertificateInStore(_store, NativeMethods.X509_ASN_ENCODING, 0, NativeMethods.CERT_FIND_SHA1_HASH, ref blob, IntPtr.Zero);
            }
        }

        private static StoredCertificate Describe(IntPtr context)
        {
            NativeMethods.CERT_CONTEXT raw = (NativeMethods.CERT_CONTEXT)Marshal.PtrToStructure(context, typeof(NativeMethods.CERT_CONTEXT));
            StoredCertificate result = new StoredCertificate();
            result.RawData = new byte[(int)raw.cbCertEncoded];
            Marshal.Copy(raw.pbCertEncoded, result.RawData, 0, result.RawData.Length);
            using (SHA1 sha1 = SHA1.Create())
            {
                result.Hash = sha1.ComputeHash(result.RawData);
            }
            WithProperty(context, NativeMethods.CERT_FRIENDLY_NAME_PROP_ID, delegate(IntPtr data)
            {
                result.FriendlyName = Marshal.PtrToStringUni(data);
            });
            result.Key = ReadKeyLocation(context);
            return result;
        }

        private static KeyLocation ReadKeyLocation(IntPtr context)
        {
            KeyLocation key = null;
            WithProperty(context, NativeMethods.CERT_KEY_PROV_INFO_PROP_ID, delegate(IntPtr data)
            {
                NativeMethods.CRYPT_KEY_PROV_INFO info = (NativeMethods.CRYPT_KEY_PROV_INFO)Marshal.PtrToStructure(data, typeof(NativeMethods.CRYPT_KEY_PROV_INFO));
                key = new KeyLocation();
                key.Container = Marshal.PtrToStringUni(info.pwszContainerName);
                key.Provider = Marshal.PtrToStringUni(info.pwszProvName);
                key.ProviderType = info.dwProvType;
                key.Flags = info.dwFlags;
                key.KeySpec = info.dwKeySpec;
            });
            return key;
        }

        private delegate void PropertyReader(IntPtr data);

        private static void WithProperty(IntPtr context, uint property, PropertyReader reader)
        {
            uint size = 0;
            if (!NativeMethods.CertGetCertificateContextProperty(context, property, IntPtr.Zero, ref size) || size == 0)
            {
                return;
            }
            IntPtr data = Marshal.AllocHGlobal((int)size);
            try
            {
                if (NativeMethods.CertGetCertificateContextProperty(context, property, data, ref size))
                {
                    reader(data);
                }
            }
            finally
            {
                Marshal.FreeHGlobal(data);
            }
        }

        private static void SetFriendlyName(IntPtr context, string name)
        {
            using (PinnedBytes pinned = new PinnedBytes(System.Text.Encoding.Unicode.GetBytes(name + "\0")))
            {
                NativeMethods.CRYPTOAPI_BLOB blob = pinned.Blob;
                if (!NativeMethods.CertSetCertificateContextProperty(context, NativeMethods.CERT_FRIENDLY_NAME_PROP_ID, 0, ref blob))
                {
                    throw new CertificateException("CertSetCertificateContextProperty", Marshal.GetLastWin32Error());
                }
            }
        }

        // A key that is not there any more is as good as deleted. Without a name, CryptAcquireContext would delete the default key of the
        // machine: https://learn.microsoft.com/windows/win32/api/wincrypt/nf-wincrypt-cryptacquirecontextw
        public static void DeleteKey(KeyLocation key)
        {
            if (string.IsNullOrEmpty(key.Container))
            {
                throw new CertificateException("CryptAcquireContext", NTE_BAD_KEYSET);
            }
            int code = key.ProviderType == 0 ? DeleteCngKey(key) : DeleteCspKey(key);
            if (code != 0 && code != NTE_BAD_KEYSET && code != NTE_NOT_FOUND)
            {
                throw new CertificateException(key.ProviderType == 0 ? "NCryptDeleteKey" : "CryptAcquireContext", code);
            }
        }

        private static int DeleteCspKey(KeyLocation key)
        {
            IntPtr none;
            uint flags = NativeMethods.CRYPT_DELETEKEYSET | NativeMethods.CRYPT_SILENT | (key.Flags & NativeMethods.CRYPT_MACHINE_KEYSET);
            bool deleted = NativeMethods.CryptAcquireContextW(out none, key.Container, key.Provider, key.ProviderType, flags);
            return deleted ? 0 : Marshal.GetLastWin32Error();
        }

        private static int DeleteCngKey(KeyLocation key)
        {
            IntPtr provider;
            int code = NativeMethods.NCryptOpenStorageProvider(out provider, key.Provider, 0);
            if (code != 0)
            {
                return code;
            }
            try
            {
                IntPtr handle;
                uint flags = NativeMethods.NCRYPT_SILENT_FLAG | (key.Flags & NativeMethods.CRYPT_MACHINE_KEYSET);
                code = NativeMethods.NCryptOpenKey(provider, out handle, key.Container, 0, flags);
                if (code != 0)
                {
                    return code;
                }
                // On success the handle is freed with the key.
                code = NativeMethods.NCryptDeleteKey(handle, NativeMethods.NCRYPT_SILENT_FLAG);
                if (code != 0)
                {
                    NativeMethods.NCryptFreeObject(handle);
                }
                return code;
            }
            finally
            {
                NativeMethods.NCryptFreeObject(provider);
            }
        }
    }

    internal sealed class PinnedBytes : IDisposable
    {
        private GCHandle _handle;
        private readonly int _length;

        public PinnedBytes(byte[] data)
        {
            _length = data.Length;
            _handle = GCHandle.Alloc(data, GCHandleType.Pinned);
        }

        public NativeMethods.CRYPTOAPI_BLOB Blob
        {
            get
            {
                NativeMethods.CRYPTOAPI_BLOB blob = new NativeMethods.CRYPTOAPI_BLOB();
                blob.cbData = (uint)_length;
                blob.pbData = _handle.AddrOfPinnedObject();
                return blob;
            }
        }

        public void Dispose()
        {
            _handle.Free();
        }
    }

    internal sealed class PrivateKey : IDisposable
    {
        private static readonly int LongestDescriptor = 65536;

        private readonly IntPtr _handle;
        private readonly uint _keySpec;
        private readonly bool _owned;

        private PrivateKey(IntPtr handle, uint keySpec, bool owned)
        {
            _handle = handle;
            _keySpec = keySpec;
            _owned = owned;
        }

        public static PrivateKey Acquire(IntPtr context)
        {
            IntPtr handle;
            uint keySpec;
            bool owned;
            uint flags = NativeMethods.CRYPT_ACQUIRE_SILENT_FLAG | NativeMethods.CRYPT_ACQUIRE_ALLOW_NCRYPT_KEY_FLAG;
            if (!NativeMethods.CryptAcquireCertificatePrivateKey(context, flags, IntPtr.Zero, out handle, out keySpec, out owned))
            {
                throw new CertificateException("CryptAcquireCertificatePrivateKey", Marshal.GetLastWin32Error());
            }
            return new PrivateKey(handle, keySpec, owned);
        }

        public void Dispose()
        {
            if (!_owned)
            {
                return;
            }
            if (_keySpec == NativeMethods.CERT_NCRYPT_KEY_SPEC)
            {
                NativeMethods.NCryptFreeObject(_handle);
            }
            else
            {
                NativeMethods.CryptReleaseContext(_handle, 0);
            }
        }

        // Null where that cannot be read.
        public bool? IsExportable()
        {
            if (_keySpec == NativeMethods.CERT_NCRYPT_KEY_SPEC)
            {
                byte[] policy = ReadCngProperty("Export Policy", 0);
                const uint allowed = NativeMethods.NCRYPT_ALLOW_EXPORT_FLAG | NativeMethods.NCRYPT_ALLOW_PLAINTEXT_EXPORT_FLAG;
                return policy == null || policy.Length < 4 ? (bool?)null : (BitConverter.ToUInt32(policy, 0) & allowed) != 0;
            }
            IntPtr key;
            if (!NativeMethods.CryptGetUserKey(_handle, _keySpec, out key))
            {
                return null;
            }
            try
            {
                uint permissions;
                uint length = 4;
                bool read = NativeMethods.CryptGetKeyParam(key, NativeMethods.KP_PERMISSIONS, out permissions, ref length, 0);
                return read ? (permissions & NativeMethods.CRYPT_EXPORT) != 0 : (bool?)null;
            }
            finally
            {
                NativeMethods.CryptDestroyKey(key);
            }
        }

        // The DACL as SDDL; null where it cannot be read.
        public string ReadSecurity()
        {
            byte[] descriptor = _keySpec == NativeMethods.CERT_NCRYPT_KEY_SPEC
                ? ReadCngProperty("Security Descr", NativeMethods.DACL_SECURITY_INFORMATION)
                : ReadCspSecurity();
            if (descriptor == null || descriptor.Length == 0)
            {
                return null;
            }
            try
            {
                return new RawSecurityDescriptor(descriptor, 0).GetSddlForm(AccessControlSections.Access);
            }
            catch (ArgumentException)
            {
                return null;
            }
        }

        private byte[] ReadCspSecurity()
        {
            uint length = 0;
            uint flags = NativeMethods.DACL_SECURITY_INFORMATION;
            NativeMethods.CryptGetProvParam(_handle, NativeMethods.PP_KEYSET_SEC_DESCR, null, ref length, flags);
            byte[] descriptor = new byte[(int)Math.Min(length, LongestDescriptor)];
            return NativeMethods.CryptGetProvParam(_handle, NativeMethods.PP_KEYSET_SEC_DESCR, descriptor, ref length, flags) ? descriptor : null;
        }

        private byte[] ReadCngProperty(string name, uint flags)
        {
            int length;
            if (NativeMethods.NCryptGetProperty(_handle, name, null, 0, out length, flags | NativeMethods.NCRYPT_SILENT_FLAG) != 0)
            {
                return null;
            }
            byte[] output = new byte[Math.Min(length, LongestDescriptor)];
            return NativeMethods.NCryptGetProperty(_handle, name, output, output.Length, out length, flags | NativeMethods.NCRYPT_SILENT_FLAG) == 0 ? output : null;
        }

        public KeySignature Sign(byte[] data)
        {
            if (_keySpec == NativeMethods.CERT_NCRYPT_KEY_SPEC)
            {
                return SignWithCng(data);
            }
            // A provider of type PROV_RSA_FULL or PROV_RSA_SCHANNEL does not know SHA-256.
            return SignWithCsp(data, NativeMethods.CALG_SHA_256, "rsa-sha256") ?? SignWithCsp(data, NativeMethods.CALG_SHA1, "rsa-sha1");
        }

        private KeySignature SignWithCsp(byte[] data, uint algorithm, string name)
        {
            IntPtr hash;
            if (!NativeMethods.CryptCreateHash(_handle, algorithm, IntPtr.Zero, 0, out hash))
            {
                if (algorithm == NativeMethods.CALG_SHA_256)
                {
                    return null;
                }
                throw new CertificateException("CryptCreateHash", Marshal.GetLastWin32Error());
            }
            try
            {
                if (!NativeMethods.CryptHashData(hash, data, (uint)data.Length, 0))
                {
                    throw new CertificateException("CryptHashData", Marshal.GetLastWin32Error());
                }
                uint spec = _keySpec == NativeMethods.AT_SIGNATURE ? NativeMethods.AT_SIGNATURE : NativeMethods.AT_KEYEXCHANGE;
                uint length = 0;
                NativeMethods.CryptSignHashW(hash, spec, IntPtr.Zero, 0, null, ref length);
                KeySignature result = new KeySignature();
                result.Algorithm = name;
                result.Data = new byte[(int)length];
                if (length == 0 || !NativeMethods.CryptSignHashW(hash, spec, IntPtr.Zero, 0, result.Data, ref length))
                {
                    throw new CertificateException("CryptSignHash", Marshal.GetLastWin32Error());
                }
                // CryptoAPI gives the number with its lowest byte first.
                Array.Reverse(result.Data);
                return result;
            }
            finally
            {
                NativeMethods.CryptDestroyHash(hash);
            }
        }

        private KeySignature SignWithCng(byte[] data)
        {
            byte[] digest;
            using (SHA256 sha256 = SHA256.Create())
            {
                digest = sha256.ComputeHash(data);
            }
            bool rsa = AlgorithmGroup() == "RSA";
            IntPtr text = Marshal.StringToHGlobalUni("SHA256");
            IntPtr padding = Marshal.AllocHGlobal(Marshal.SizeOf(typeof(NativeMethods.BCRYPT_PKCS1_PADDING_INFO)));
            try
            {
                NativeMethods.BCRYPT_PKCS1_PADDING_INFO info = new NativeMethods.BCRYPT_PKCS1_PADDING_INFO();
                info.pszAlgId = text;
                Marshal.StructureToPtr(info, padding, false);
                KeySignature result = new KeySignature();
                result.Algorithm = rsa ? "rsa-sha256" : "ecdsa-sha256";
                result.Data = SignDigest(digest, rsa ? padding : IntPtr.Zero, rsa ? NativeMethods.BCRYPT_PAD_PKCS1 : 0);
                return result;
            }
            finally
            {
                Marshal.FreeHGlobal(padding);
                Marshal.FreeHGlobal(text);
            }
        }

        private byte[] SignDigest(byte[] digest, IntPtr padding, uint flags)
        {
            int length;
            Check("NCryptSignHash", NativeMethods.NCryptSignHash(_handle, padding, digest, digest.Length, null, 0, out length, flags | NativeMethods.NCRYPT_SILENT_FLAG));
            byte[] signature = new byte[length];
            Check("NCryptSignHash", NativeMethods.NCryptSignHash(
                _handle, padding, digest, digest.Length, signature, signature.Length, out length, flags | NativeMethods.NCRYPT_SILENT_FLAG));
            Array.Resize(ref signature, length);
            return signature;
        }

        private string AlgorithmGroup()
        {
            byte[] output = new byte[64];
            int written;
            Check("NCryptGetProperty", NativeMethods.NCryptGetProperty(_handle, "Algorithm Group", output, output.Length, out written, 0));
            return System.Text.Encoding.Unicode.GetString(output, 0, written).TrimEnd('\0');
        }

        private static void Check(string function, int code)
        {
            if (code != 0)
            {
                throw new CertificateException(function, code);
            }
        }
    }

    // What a TLS client on the host itself is shown. Nothing is judged: any certificate is taken, its bytes are the result.
    public static class ServedCertificate
    {
        public static byte[] Read(string address, int port, int timeoutMilliseconds)
        {
            IPAddress ip = IPAddress.Parse(address);
            using (TcpClient client = new TcpClient(ip.AddressFamily))
            {
                IAsyncResult pending = client.BeginConnect(ip, port, null, null);
                if (!pending.AsyncWaitHandle.WaitOne(timeoutMilliseconds))
                {
                    throw new SocketException((int)SocketError.TimedOut);
                }
                client.EndConnect(pending);
                client.ReceiveTimeout = timeoutMilliseconds;
                client.SendTimeout = timeoutMilliseconds;
                using (SslStream tls = new SslStream(client.GetStream(), false, Accept))
                {
                    Authenticate(tls, address);
                    return tls.RemoteCertificate.GetRawCertData();
                }
            }
        }

        // None leaves the choice to Windows, but .NET Framework refuses it in programs that were built for an older version, as powershell.exe
        // was, and would itself offer them no more than TLS 1.0. The numbers are TLS 1.0 to 1.2: newer compilers warn of the names.
        // https://learn.microsoft.com/dotnet/framework/network-programming/tls
        private static void Authenticate(SslStream tls, string address)
        {
            try
            {
                tls.AuthenticateAsClient(address, null, SslProtocols.None, false);
            }
            catch (ArgumentException)
            {
                tls.AuthenticateAsClient(address, null, (SslProtocols)0xFC0, false);
            }
        }

        private static bool Accept(object sender, X509Certificate certificate, X509Chain chain, SslPolicyErrors errors)
        {
            return true;
        }
    }
}
