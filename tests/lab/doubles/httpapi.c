/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A double of httpapi.dll: the service configuration half of it, ids 1, 5 and 6.
 *
 * Records are kept in the registry where HTTP.SYS keeps its own (domain.md 1.9), so they belong to the machine and
 * outlive every process. Built a second time with LAB_NO_UPDATE for hosts older than HttpUpdateServiceConfiguration. */
#include "lab.h"

#define EXPORT __declspec(dllexport)

static LONG config_users;

/* One family of records: how its structs lie and where its keys are. */
struct family {
    ULONG id, set_size, query_size, param_offset, token_offset;
    const WCHAR *key;
};
static const struct family families[] = {
    {ID_SSL, sizeof(HTTP_SERVICE_CONFIG_SSL_SET), sizeof(HTTP_SERVICE_CONFIG_SSL_QUERY),
     offsetof(HTTP_SERVICE_CONFIG_SSL_SET, ParamDesc), offsetof(HTTP_SERVICE_CONFIG_SSL_QUERY, dwToken),
     HTTP_PARAMETERS L"\\SslBindingInfo"},
    {ID_SNI, sizeof(SNI_SET), sizeof(SNI_QUERY), offsetof(SNI_SET, ParamDesc), offsetof(SNI_QUERY, dwToken),
     HTTP_PARAMETERS L"\\SslSniBindingInfo"},
    {ID_CCS, sizeof(CCS_SET), sizeof(CCS_QUERY), offsetof(CCS_SET, ParamDesc), offsetof(CCS_QUERY, dwToken),
     HTTP_PARAMETERS L"\\SslCcsBindingInfo"},
};
#define KEY_OFFSET_IN_QUERY 8

static const struct family *family_of(ULONG id)
{
    for (ULONG i = 0; i < ARRAYSIZE(families); i++)
        if (families[i].id == id) return &families[i];
    return NULL;
}

/* --- keys --------------------------------------------------------------------------------------------------------- */

/* The name of a record's registry key from the KeyDesc of a SET or QUERY struct: "0.0.0.0:443", "host:443", "443". */
static ULONG endpoint_of(const struct family *family, const void *key, WCHAR text[ENDPOINT_CHARS])
{
    if (family->id == ID_SSL) {
        const HTTP_SERVICE_CONFIG_SSL_KEY *ssl = key;
        if (!ssl->pIpPort || !lab_endpoint(ssl->pIpPort, text)) return ERROR_INVALID_PARAMETER;
        return 0;
    }
    /* SNI and CCS keys carry an address, but only 0.0.0.0 is allowed there: the port is what counts. */
    const SOCKADDR_IN *address = key;
    if (address->sin_family != AF_INET || address->sin_addr.s_addr) return ERROR_INVALID_PARAMETER;
    if (family->id == ID_CCS) {
        _snwprintf(text, ENDPOINT_CHARS, L"%u", ntohs(address->sin_port));
        return 0;
    }
    const WCHAR *host = ((const SNI_KEY *)key)->Host;
    if (!host || !*host || wcslen(host) > 255) return ERROR_INVALID_PARAMETER;
    _snwprintf(text, ENDPOINT_CHARS, L"%ls:%u", host, ntohs(address->sin_port));
    _wcslwr(text);
    return 0;
}

static BOOL record_exists(const struct family *family, const WCHAR *endpoint)
{
    WCHAR path[640];
    HKEY key;

    _snwprintf(path, ARRAYSIZE(path), L"%ls\\%ls", family->key, endpoint);
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key)) return FALSE;
    RegCloseKey(key);
    return TRUE;
}

/* --- writing ------------------------------------------------------------------------------------------------------ */

/* 1312 when HTTP.SYS could not serve with this certificate: not in the LocalMachine store, no link to a private key,
 * a key of a user, or a container that does not open. */
static ULONG usable(const HTTP_SERVICE_CONFIG_SSL_PARAM *param)
{
    const WCHAR *name = param->pSslCertStoreName ? param->pSslCertStoreName : L"MY";
    HCERTSTORE store = lab_store(name, FALSE);
    PCCERT_CONTEXT certificate;
    CRYPT_KEY_PROV_INFO *info;
    ULONG code = ERROR_NO_SUCH_LOGON_SESSION;

    if (!store) return code;
    certificate = lab_find(store, param->pSslHash);
    info = certificate ? lab_key_info(certificate) : NULL;
    if (info) {
        /* Wine 8 records flags 0 for a key imported with the machine flag, and leaves it in its default container
         * until the lab moves it after the command: such a key counts as a machine key. */
        BOOL imported_now = info->pwszContainerName && !_wcsicmp(info->pwszContainerName, lab_default_container());
        BOOL machine = imported_now || (info->dwFlags & CRYPT_MACHINE_KEYSET);
        if (machine && lab_key_opens(info, certificate, NULL)) code = 0;
        free(info);
    }
    if (certificate) CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
    return code;
}

static ULONG check_param(const HTTP_SERVICE_CONFIG_SSL_PARAM *param)
{
    if (!param->SslHashLength && (param->DefaultFlags & FLAG_REJECT)) return 0;
    if (param->SslHashLength != SHA1_BYTES || !param->pSslHash) return ERROR_INVALID_PARAMETER;
    return 0;
}

static void put(HKEY key, const WCHAR *name, DWORD type, const void *data, DWORD size)
{
    if (data) RegSetValueExW(key, name, 0, type, data, size);
    else RegDeleteValueW(key, name);
}

static void put_text(HKEY key, const WCHAR *name, const WCHAR *text)
{
    put(key, name, REG_SZ, text, text ? (DWORD)((wcslen(text) + 1) * sizeof(WCHAR)) : 0);
}

static ULONG write_record(const struct family *family, const WCHAR *endpoint, const HTTP_SERVICE_CONFIG_SSL_PARAM *param)
{
    WCHAR path[640];
    HKEY key;
    ULONG code;

    _snwprintf(path, ARRAYSIZE(path), L"%ls\\%ls", family->key, endpoint);
    code = RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);
    if (code) return code;
    put(key, L"SslCertHash", REG_BINARY, param->SslHashLength ? param->pSslHash : NULL, param->SslHashLength);
    put(key, L"AppId", REG_BINARY, &param->AppId, sizeof(GUID));
    put_text(key, L"SslCertStoreName", param->pSslCertStoreName);
    put(key, L"DefaultSslCertCheckMode", REG_DWORD, &param->DefaultCertCheckMode, 4);
    put(key, L"DefaultSslRevocationFreshnessTime", REG_DWORD, &param->DefaultRevocationFreshnessTime, 4);
    put(key, L"DefaultSslRevocationUrlRetrievalTimeout", REG_DWORD, &param->DefaultRevocationUrlRetrievalTimeout, 4);
    put_text(key, L"DefaultSslCtlIdentifier", param->pDefaultSslCtlIdentifier);
    put_text(key, L"DefaultSslCtlStoreName", param->pDefaultSslCtlStoreName);
    put(key, L"DefaultFlags", REG_DWORD, &param->DefaultFlags, 4);
    RegCloseKey(key);
    return 0;
}

static ULONG remove_record(const struct family *family, const WCHAR *endpoint)
{
    WCHAR path[640];

    _snwprintf(path, ARRAYSIZE(path), L"%ls\\%ls", family->key, endpoint);
    return RegDeleteKeyW(HKEY_LOCAL_MACHINE, path);
}

enum verb { SET, UPDATE, REMOVE };

/* Whether the key may be there comes before whether the certificate can be used. Which of the two the real one looks
 * at first is not known. */
static ULONG perform(enum verb verb, const struct family *family, const WCHAR *endpoint, const BYTE *info)
{
    const HTTP_SERVICE_CONFIG_SSL_PARAM *param = (const void *)(info + family->param_offset);
    BOOL exists = record_exists(family, endpoint);
    ULONG code;

    if (verb == SET && exists) return ERROR_ALREADY_EXISTS;
    if (verb != SET && !exists) return ERROR_FILE_NOT_FOUND;
    if (verb == REMOVE) return remove_record(family, endpoint);
    /* CCS records name no certificate of a store: the file share has it. */
    code = family->id == ID_CCS ? 0 : check_param(param);
    if (!code && family->id != ID_CCS && param->SslHashLength) code = usable(param);
    return code ? code : write_record(family, endpoint, param);
}

static ULONG write(enum verb verb, const WCHAR *function, HANDLE handle, ULONG id, const void *info, ULONG length,
                   LPOVERLAPPED overlapped)
{
    const struct family *family = family_of(id);
    WCHAR endpoint[ENDPOINT_CHARS];
    HANDLE mutex;
    ULONG code, injected;
    BOOL after;

    if (!config_users) return ERROR_INVALID_HANDLE;
    if (!family || handle || overlapped || !info || length != family->set_size) return ERROR_INVALID_PARAMETER;
    code = endpoint_of(family, info, endpoint);
    if (code) return code;
    mutex = CreateMutexW(NULL, FALSE, L"Global\\lab.httpapi");
    WaitForSingleObject(mutex, INFINITE);
    injected = lab_fault(function, endpoint, &after);
    code = injected && !after ? injected : perform(verb, family, endpoint, info);
    if (injected && after) code = injected;
    ReleaseMutex(mutex);
    CloseHandle(mutex);
    return code;
}

/* --- reading ------------------------------------------------------------------------------------------------------ */

/* Lays variable data behind the fixed struct; counts on when there is no room, so that `used` is the size needed. */
struct buffer {
    BYTE *start;
    ULONG room, used;
};

static void *lay(struct buffer *out, const void *data, ULONG size)
{
    ULONG at = (out->used + 7) & ~7u;

    if (!data) return NULL;
    out->used = at + size;
    if (!out->start || out->used > out->room) return NULL;
    return memcpy(out->start + at, data, size);
}

static void *lay_value(struct buffer *out, const WCHAR *path, const WCHAR *name, ULONG *length)
{
    DWORD size = 0;
    BYTE *data = lab_value(HKEY_LOCAL_MACHINE, path, name, NULL, &size);
    void *laid = lay(out, data, size);

    if (length) *length = data ? size : 0;
    free(data);
    return laid;
}

static void read_param(struct buffer *out, const WCHAR *path, HTTP_SERVICE_CONFIG_SSL_PARAM *param)
{
    BYTE *app = lab_value(HKEY_LOCAL_MACHINE, path, L"AppId", NULL, NULL);

    if (app) memcpy(&param->AppId, app, sizeof(GUID));
    free(app);
    param->pSslHash = lay_value(out, path, L"SslCertHash", &param->SslHashLength);
    param->pSslCertStoreName = lay_value(out, path, L"SslCertStoreName", NULL);
    param->DefaultCertCheckMode = lab_dword(path, L"DefaultSslCertCheckMode", 0);
    param->DefaultRevocationFreshnessTime = lab_dword(path, L"DefaultSslRevocationFreshnessTime", 0);
    param->DefaultRevocationUrlRetrievalTimeout = lab_dword(path, L"DefaultSslRevocationUrlRetrievalTimeout", 0);
    param->pDefaultSslCtlIdentifier = lay_value(out, path, L"DefaultSslCtlIdentifier", NULL);
    param->pDefaultSslCtlStoreName = lay_value(out, path, L"DefaultSslCtlStoreName", NULL);
    param->DefaultFlags = lab_dword(path, L"DefaultFlags", 0);
}

static void read_key(struct buffer *out, const struct family *family, const WCHAR *endpoint, BYTE *set)
{
    SOCKADDR_STORAGE address;
    WCHAR host[ENDPOINT_CHARS];
    WCHAR *colon;

    if (family->id == ID_SSL) {
        lab_address(endpoint, &address);
        ((HTTP_SERVICE_CONFIG_SSL_SET *)set)->KeyDesc.pIpPort =
            lay(out, &address, lab_address_size((SOCKADDR *)&address));
        return;
    }
    wcscpy(host, endpoint);
    colon = wcsrchr(host, ':');
    SOCKADDR_IN *any = (SOCKADDR_IN *)set;
    any->sin_family = AF_INET;
    any->sin_port = htons((USHORT)wcstoul(colon ? colon + 1 : host, NULL, 10));
    if (family->id != ID_SNI) return;
    if (colon) *colon = 0;
    ((SNI_SET *)set)->KeyDesc.Host = lay(out, host, (ULONG)((wcslen(host) + 1) * sizeof(WCHAR)));
}

static ULONG answer(const struct family *family, const WCHAR *endpoint, void *output, ULONG room, ULONG *needed)
{
    BYTE set[sizeof(SNI_SET)] = {0};
    struct buffer out = {output, room, family->set_size};
    WCHAR path[640];

    _snwprintf(path, ARRAYSIZE(path), L"%ls\\%ls", family->key, endpoint);
    read_key(&out, family, endpoint, set);
    read_param(&out, path, (HTTP_SERVICE_CONFIG_SSL_PARAM *)(set + family->param_offset));
    if (needed) *needed = out.used;
    if (!output || room < out.used) return ERROR_INSUFFICIENT_BUFFER;
    memcpy(output, set, family->set_size);
    return 0;
}

/* Tokens are plain indexes. The registry sorts keys by name, which makes the order stable. */
static ULONG nth(const struct family *family, ULONG token, WCHAR endpoint[ENDPOINT_CHARS])
{
    HKEY key;
    DWORD size = ENDPOINT_CHARS;
    LSTATUS status = RegOpenKeyExW(HKEY_LOCAL_MACHINE, family->key, 0, KEY_READ, &key);

    if (status) return ERROR_NO_MORE_ITEMS;
    status = RegEnumKeyExW(key, token, endpoint, &size, NULL, NULL, NULL, NULL);
    RegCloseKey(key);
    return status ? ERROR_NO_MORE_ITEMS : 0;
}

/* --- the API ------------------------------------------------------------------------------------------------------ */

EXPORT ULONG WINAPI HttpInitialize(HTTPAPI_VERSION version, ULONG flags, PVOID reserved)
{
    BOOL after;
    ULONG code = lab_fault(L"HttpInitialize", L"", &after);

    if (code) return code;
    if (reserved || !flags || (flags & ~3u)) return ERROR_INVALID_PARAMETER;
    if (version.HttpApiMajorVersion < 1 || version.HttpApiMajorVersion > 2) return ERROR_REVISION_MISMATCH;
    if (flags & HTTP_INITIALIZE_CONFIG) InterlockedIncrement(&config_users);
    return 0;
}

EXPORT ULONG WINAPI HttpTerminate(ULONG flags, PVOID reserved)
{
    if (reserved || !flags || (flags & ~3u)) return ERROR_INVALID_PARAMETER;
    if ((flags & HTTP_INITIALIZE_CONFIG) && config_users) InterlockedDecrement(&config_users);
    return 0;
}

EXPORT ULONG WINAPI HttpSetServiceConfiguration(HANDLE handle, HTTP_SERVICE_CONFIG_ID id, PVOID info, ULONG length,
                                                LPOVERLAPPED overlapped)
{
    return write(SET, L"HttpSetServiceConfiguration", handle, id, info, length, overlapped);
}

EXPORT ULONG WINAPI HttpDeleteServiceConfiguration(HANDLE handle, HTTP_SERVICE_CONFIG_ID id, PVOID info, ULONG length,
                                                   LPOVERLAPPED overlapped)
{
    return write(REMOVE, L"HttpDeleteServiceConfiguration", handle, id, info, length, overlapped);
}

#ifndef LAB_NO_UPDATE
EXPORT ULONG WINAPI HttpUpdateServiceConfiguration(HANDLE handle, HTTP_SERVICE_CONFIG_ID id, PVOID info, ULONG length,
                                                   LPOVERLAPPED overlapped)
{
    return write(UPDATE, L"HttpUpdateServiceConfiguration", handle, id, info, length, overlapped);
}
#endif

EXPORT ULONG WINAPI HttpQueryServiceConfiguration(HANDLE handle, HTTP_SERVICE_CONFIG_ID id, PVOID input, ULONG length,
                                                  PVOID output, ULONG room, PULONG needed, LPOVERLAPPED overlapped)
{
    const struct family *family = family_of(id);
    const BYTE *query = input;
    WCHAR endpoint[ENDPOINT_CHARS] = L"";
    ULONG code, kind, token;
    BOOL after;

    if (!config_users) return ERROR_INVALID_HANDLE;
    if (!family || handle || overlapped || !query || length != family->query_size) return ERROR_INVALID_PARAMETER;
    memcpy(&kind, query, sizeof(kind));
    memcpy(&token, query + family->token_offset, sizeof(token));
    if (kind == HttpServiceConfigQueryExact) {
        code = endpoint_of(family, query + KEY_OFFSET_IN_QUERY, endpoint);
        if (!code && !record_exists(family, endpoint)) code = ERROR_FILE_NOT_FOUND;
    } else if (kind == HttpServiceConfigQueryNext) {
        code = nth(family, token, endpoint);
    } else {
        code = ERROR_INVALID_PARAMETER;
    }
    ULONG injected = lab_fault(L"HttpQueryServiceConfiguration", endpoint, &after);
    if (injected) return injected;
    return code ? code : answer(family, endpoint, output, room, needed);
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    (void)reason;
    (void)reserved;
    DisableThreadLibraryCalls(instance);
    return TRUE;
}
