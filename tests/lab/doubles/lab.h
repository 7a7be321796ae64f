/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What the doubles (httpapi.dll, wevtapi.dll, mprapi.dll, the services, the agent) share: where things are kept, and small helpers
 * around the registry, the certificate stores and endpoint texts. */
#ifndef LAB_H
#define LAB_H

#define WIN32_LEAN_AND_MEAN
#define _WIN32_WINNT 0x0A00
#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <wincrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>
#define HTTPAPI_LINKAGE
#include <http.h>

#define LAB_ROOT L"SOFTWARE\\lab"
#define LAB_FAULTS LAB_ROOT L"\\Faults"
#define LAB_SWITCHES LAB_ROOT L"\\Services"
#define LAB_EVENTS LAB_ROOT L"\\Events"
/* The same names with the time of each event (REG_QWORD, a FILETIME). */
#define LAB_EVENT_TIMES LAB_EVENTS L"\\Times"
#define LAB_STARTS LAB_ROOT L"\\Starts"
/* Count (REG_DWORD): how many clients are connected. */
#define LAB_SESSIONS LAB_ROOT L"\\Sessions"
#define SSTP_PARAMETERS L"SYSTEM\\CurrentControlSet\\Services\\SstpSvc\\Parameters"
#define HTTP_PARAMETERS L"SYSTEM\\CurrentControlSet\\Services\\HTTP\\Parameters"
#define STORES_KEY L"SOFTWARE\\Microsoft\\SystemCertificates"

/* Configuration ids: mingw's http.h ends before 5 and 6. */
#define ID_SSL 1
#define ID_SNI 5
#define ID_CCS 6
#define FLAG_REJECT 8
#define SHA1_BYTES 20
#define ENDPOINT_CHARS 320

/* mingw's http.h lacks these; layouts from domain.md 1.3, held by the assertions below. */
typedef struct { SOCKADDR_STORAGE IpPort; PWSTR Host; } SNI_KEY;
typedef struct { SNI_KEY KeyDesc; HTTP_SERVICE_CONFIG_SSL_PARAM ParamDesc; } SNI_SET;
typedef struct { HTTP_SERVICE_CONFIG_QUERY_TYPE QueryDesc; SNI_KEY KeyDesc; DWORD dwToken; } SNI_QUERY;
typedef struct { SOCKADDR_STORAGE LocalAddress; } CCS_KEY;
typedef struct { CCS_KEY KeyDesc; HTTP_SERVICE_CONFIG_SSL_PARAM ParamDesc; } CCS_SET;
typedef struct { HTTP_SERVICE_CONFIG_QUERY_TYPE QueryDesc; CCS_KEY KeyDesc; DWORD dwToken; } CCS_QUERY;
_Static_assert(sizeof(HTTP_SERVICE_CONFIG_SSL_PARAM) == 80, "SSL_PARAM");
_Static_assert(sizeof(HTTP_SERVICE_CONFIG_SSL_SET) == 88, "SSL_SET");
_Static_assert(sizeof(HTTP_SERVICE_CONFIG_SSL_QUERY) == 24, "SSL_QUERY");
_Static_assert(sizeof(SNI_SET) == 216 && offsetof(SNI_SET, ParamDesc) == 136, "SNI_SET");
_Static_assert(sizeof(SNI_QUERY) == 152 && offsetof(SNI_QUERY, dwToken) == 144, "SNI_QUERY");
_Static_assert(sizeof(CCS_SET) == 208 && offsetof(CCS_SET, ParamDesc) == 128, "CCS_SET");
_Static_assert(sizeof(CCS_QUERY) == 144 && offsetof(CCS_QUERY, dwToken) == 136, "CCS_QUERY");

typedef ULONG(WINAPI *HTTP_WRITE)(HANDLE, HTTP_SERVICE_CONFIG_ID, PVOID, ULONG, LPOVERLAPPED);

DWORD lab_dword(const WCHAR *path, const WCHAR *name, DWORD fallback);
LSTATUS lab_set(const WCHAR *path, const WCHAR *name, DWORD type, const void *data, DWORD size);
/* A value as it is; NULL when absent. The caller frees. Two zero characters follow the data. */
BYTE *lab_value(HKEY root, const WCHAR *path, const WCHAR *name, DWORD *type, DWORD *size);

/* The code that this call shall fail with, or 0. Calls are counted for the machine, not for the process, in
 * Faults\Counts; after: the work is done first and the code given then. */
ULONG lab_fault(const WCHAR *function, const WCHAR *endpoint, BOOL *after);

/* "0.0.0.0:443", "[::]:443"; FALSE for a family that is neither IPv4 nor IPv6. */
BOOL lab_endpoint(const SOCKADDR *address, WCHAR text[ENDPOINT_CHARS]);
BOOL lab_address(const WCHAR *text, SOCKADDR_STORAGE *address);
ULONG lab_address_size(const SOCKADDR *address);

/* A store of LocalMachine; NULL when there is none of that name. */
HCERTSTORE lab_store(const WCHAR *name, BOOL write);
/* Close a store that was opened to write. Wine 8 takes a store whose certificates only got other properties for
 * unchanged and writes nothing, unless it is forced to. */
void lab_close(HCERTSTORE store);
PCCERT_CONTEXT lab_find(HCERTSTORE store, const BYTE hash[SHA1_BYTES]);
BOOL lab_sha256(const BYTE *data, DWORD size, BYTE digest[32]);

/* What a certificate says of its private key; NULL when it says nothing. The caller frees. */
CRYPT_KEY_PROV_INFO *lab_key_info(PCCERT_CONTEXT certificate);
/* Whether the container opens and holds a key; matches (may be NULL): whether it is this certificate's. */
BOOL lab_key_opens(const CRYPT_KEY_PROV_INFO *info, PCCERT_CONTEXT certificate, BOOL *matches);
/* The container into which Wine imports every key of a PFX, whatever the flags: rsaenh's default, named by the user. */
const WCHAR *lab_default_container(void);

#endif
