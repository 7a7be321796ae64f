/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "lab.h"

BYTE *lab_value(HKEY root, const WCHAR *path, const WCHAR *name, DWORD *type, DWORD *size)
{
    HKEY key;
    BYTE *data = NULL;
    DWORD kind = 0, room = 0;

    if (RegOpenKeyExW(root, path, 0, KEY_READ, &key)) return NULL;
    if (!RegQueryValueExW(key, name, NULL, &kind, NULL, &room)) {
        data = calloc(1, room + 2 * sizeof(WCHAR));
        if (RegQueryValueExW(key, name, NULL, &kind, data, &room)) {
            free(data);
            data = NULL;
        }
    }
    RegCloseKey(key);
    if (type) *type = kind;
    if (size) *size = room;
    return data;
}

DWORD lab_dword(const WCHAR *path, const WCHAR *name, DWORD fallback)
{
    DWORD type, size, value = fallback;
    BYTE *data = lab_value(HKEY_LOCAL_MACHINE, path, name, &type, &size);

    if (data && type == REG_DWORD && size == sizeof(DWORD)) memcpy(&value, data, sizeof(value));
    free(data);
    return value;
}

LSTATUS lab_set(const WCHAR *path, const WCHAR *name, DWORD type, const void *data, DWORD size)
{
    HKEY key;
    LSTATUS status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);

    if (status) return status;
    status = RegSetValueExW(key, name, 0, type, data, size);
    RegCloseKey(key);
    return status;
}

BOOL lab_endpoint(const SOCKADDR *address, WCHAR text[ENDPOINT_CHARS])
{
    WCHAR ip[64];

    if (address->sa_family == AF_INET) {
        const SOCKADDR_IN *v4 = (const SOCKADDR_IN *)address;
        if (!InetNtopW(AF_INET, (void *)&v4->sin_addr, ip, ARRAYSIZE(ip))) return FALSE;
        _snwprintf(text, ENDPOINT_CHARS, L"%ls:%u", ip, ntohs(v4->sin_port));
        return TRUE;
    }
    if (address->sa_family == AF_INET6) {
        const SOCKADDR_IN6 *v6 = (const SOCKADDR_IN6 *)address;
        if (!InetNtopW(AF_INET6, (void *)&v6->sin6_addr, ip, ARRAYSIZE(ip))) return FALSE;
        _snwprintf(text, ENDPOINT_CHARS, L"[%ls]:%u", ip, ntohs(v6->sin6_port));
        return TRUE;
    }
    return FALSE;
}

BOOL lab_address(const WCHAR *text, SOCKADDR_STORAGE *address)
{
    const WCHAR *colon = wcsrchr(text, ':');
    WCHAR ip[64] = {0};
    size_t length = colon ? (size_t)(colon - text) : 0;
    USHORT port;

    memset(address, 0, sizeof(*address));
    if (!length || length >= ARRAYSIZE(ip)) return FALSE;
    port = htons((USHORT)wcstoul(colon + 1, NULL, 10));
    if (text[0] == '[') {
        SOCKADDR_IN6 *v6 = (SOCKADDR_IN6 *)address;
        wcsncpy(ip, text + 1, length - 2);
        v6->sin6_family = AF_INET6;
        v6->sin6_port = port;
        return InetPtonW(AF_INET6, ip, &v6->sin6_addr) == 1;
    }
    SOCKADDR_IN *v4 = (SOCKADDR_IN *)address;
    wcsncpy(ip, text, length);
    v4->sin_family = AF_INET;
    v4->sin_port = port;
    return InetPtonW(AF_INET, ip, &v4->sin_addr) == 1;
}

ULONG lab_address_size(const SOCKADDR *address)
{
    return address->sa_family == AF_INET6 ? sizeof(SOCKADDR_IN6) : sizeof(SOCKADDR_IN);
}

HCERTSTORE lab_store(const WCHAR *name, BOOL write)
{
    DWORD flags = CERT_SYSTEM_STORE_LOCAL_MACHINE | (write ? 0 : CERT_STORE_OPEN_EXISTING_FLAG | CERT_STORE_READONLY_FLAG);

    return CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, name);
}

void lab_close(HCERTSTORE store)
{
    CertControlStore(store, CERT_STORE_CTRL_COMMIT_FORCE_FLAG, CERT_STORE_CTRL_COMMIT, NULL);
    CertCloseStore(store, 0);
}

PCCERT_CONTEXT lab_find(HCERTSTORE store, const BYTE hash[SHA1_BYTES])
{
    CRYPT_HASH_BLOB blob = {SHA1_BYTES, (BYTE *)hash};

    return CertFindCertificateInStore(store, X509_ASN_ENCODING, 0, CERT_FIND_SHA1_HASH, &blob, NULL);
}

BOOL lab_sha256(const BYTE *data, DWORD size, BYTE digest[32])
{
    HCRYPTPROV provider;
    HCRYPTHASH hash;
    DWORD length = 32;
    BOOL good = FALSE;

    if (!CryptAcquireContextW(&provider, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT)) return FALSE;
    if (CryptCreateHash(provider, CALG_SHA_256, 0, 0, &hash)) {
        good = CryptHashData(hash, data, size, 0) && CryptGetHashParam(hash, HP_HASHVAL, digest, &length, 0);
        CryptDestroyHash(hash);
    }
    CryptReleaseContext(provider, 0);
    return good;
}

CRYPT_KEY_PROV_INFO *lab_key_info(PCCERT_CONTEXT certificate)
{
    DWORD size = 0;
    CRYPT_KEY_PROV_INFO *info;

    if (!CertGetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, NULL, &size)) return NULL;
    info = calloc(1, size);
    if (CertGetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, info, &size)) return info;
    free(info);
    return NULL;
}

static BOOL same_public_key(HCRYPTPROV provider, DWORD spec, PCCERT_CONTEXT certificate)
{
    DWORD size = 0;
    CERT_PUBLIC_KEY_INFO *own;
    BOOL same = FALSE;

    if (!CryptExportPublicKeyInfo(provider, spec, X509_ASN_ENCODING, NULL, &size)) return FALSE;
    own = calloc(1, size);
    if (CryptExportPublicKeyInfo(provider, spec, X509_ASN_ENCODING, own, &size))
        same = CertComparePublicKeyInfo(X509_ASN_ENCODING, own, &certificate->pCertInfo->SubjectPublicKeyInfo);
    free(own);
    return same;
}

BOOL lab_key_opens(const CRYPT_KEY_PROV_INFO *info, PCCERT_CONTEXT certificate, BOOL *matches)
{
    HCRYPTPROV provider;
    HCRYPTKEY key;
    /* PFXImportCertStore of Wine 8 records key spec 3, which no provider knows: anything but 2 is a key exchange key. */
    DWORD spec = info->dwKeySpec == AT_SIGNATURE ? AT_SIGNATURE : AT_KEYEXCHANGE;
    BOOL opens;

    if (matches) *matches = FALSE;
    if (!CryptAcquireContextW(&provider, info->pwszContainerName, info->pwszProvName, info->dwProvType,
                              CRYPT_SILENT | (info->dwFlags & CRYPT_MACHINE_KEYSET)))
        return FALSE;
    opens = CryptGetUserKey(provider, spec, &key);
    if (opens) {
        if (matches) *matches = same_public_key(provider, spec, certificate);
        CryptDestroyKey(key);
    }
    CryptReleaseContext(provider, 0);
    return opens;
}

const WCHAR *lab_default_container(void)
{
    static WCHAR name[257];
    DWORD size = ARRAYSIZE(name);

    if (!name[0]) GetUserNameW(name, &size);
    return name;
}

static ULONG word(const WCHAR *text, const WCHAR *name, ULONG fallback)
{
    const WCHAR *found = wcsstr(text, name);

    return found ? wcstoul(found + wcslen(name), NULL, 0) : fallback;
}

ULONG lab_fault(const WCHAR *function, const WCHAR *endpoint, BOOL *after)
{
    WCHAR *text = (WCHAR *)lab_value(HKEY_LOCAL_MACHINE, LAB_FAULTS, function, NULL, NULL), *where;
    ULONG code = 0, skip, times, count;

    *after = FALSE;
    if (!text) return 0;
    where = wcsstr(text, L"endpoint=");
    if (where) {
        where += wcslen(L"endpoint=");
        size_t length = wcscspn(where, L" ");
        if (wcslen(endpoint) != length || wcsncmp(where, endpoint, length)) {
            free(text);
            return 0;
        }
    }
    skip = word(text, L"skip=", 0);
    times = word(text, L"times=", 1);
    count = lab_dword(LAB_FAULTS L"\\Counts", function, 0) + 1;
    lab_set(LAB_FAULTS L"\\Counts", function, REG_DWORD, &count, sizeof(count));
    if (count > skip && (!times || count <= skip + times)) {
        code = word(text, L"code=", 0);
        *after = word(text, L"after=", 0) == 1;
    }
    free(text);
    return code;
}
