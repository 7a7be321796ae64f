/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A double of mprapi.dll: the connections of this computer's RRAS, as many as the lab has set (lab.h, LAB_SESSIONS). They
 * are given in pages, whatever length is preferred, so that a caller has to go on where the last call has ended. */
#include "lab.h"
#include <mprapi.h>

#define SERVER ((MPR_SERVER_HANDLE)(ULONG_PTR)0x6C6162)
#define PAGE 5

_Static_assert(sizeof(RAS_CONNECTION_EX) == 1672, "RAS_CONNECTION_EX");

static BOOL runs(void)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, RRAS_SERVICE_NAME, SERVICE_QUERY_STATUS);
    SERVICE_STATUS status = {0};

    if (service && !QueryServiceStatus(service, &status)) status.dwCurrentState = 0;
    if (service) CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return status.dwCurrentState == SERVICE_RUNNING;
}

/* No server with which to speak where the service does not run. */
static DWORD page(const WCHAR *function, HANDLE server, size_t item, BYTE **buffer, DWORD *read, DWORD *total, DWORD *resume)
{
    DWORD count, first, code;
    BOOL after;

    if (server != SERVER) return RPC_S_INVALID_BINDING;
    if (!buffer || !read || !total || !resume) return ERROR_INVALID_PARAMETER;
    *buffer = NULL;
    *read = *total = 0;
    code = lab_fault(function, L"", &after);
    if (code) return code;
    if (!runs()) return RPC_S_SERVER_UNAVAILABLE;
    count = lab_dword(LAB_SESSIONS, L"Count", 0);
    first = *resume < count ? *resume : count;
    *total = count - first;
    *read = *total < PAGE ? *total : PAGE;
    *buffer = calloc(*read + 1, item);
    *resume = first + *read == count ? 0 : first + *read;
    return *resume ? ERROR_MORE_DATA : 0;
}

DWORD WINAPI MprAdminServerConnect(LPWSTR name, MPR_SERVER_HANDLE *server)
{
    BOOL after;
    DWORD code = lab_fault(L"MprAdminServerConnect", L"", &after);

    if (name || !server) return ERROR_INVALID_PARAMETER;
    *server = code ? NULL : SERVER;
    return code;
}

VOID WINAPI MprAdminServerDisconnect(MPR_SERVER_HANDLE server)
{
    (void)server;
}

DWORD WINAPI MprAdminBufferFree(LPVOID buffer)
{
    free(buffer);
    return 0;
}

DWORD APIENTRY MprAdminConnectionEnumEx(RAS_SERVER_HANDLE server, PMPRAPI_OBJECT_HEADER header, DWORD length, LPDWORD read,
                                        LPDWORD total, PRAS_CONNECTION_EX *connections, LPDWORD resume)
{
    (void)length;
    if (!header || header->revision != MPRAPI_RAS_CONNECTION_OBJECT_REVISION_1 ||
        header->type != MPRAPI_OBJECT_TYPE_RAS_CONNECTION_OBJECT || header->size != sizeof(RAS_CONNECTION_EX))
        return ERROR_INVALID_PARAMETER;
    return page(L"MprAdminConnectionEnumEx", server, sizeof(RAS_CONNECTION_EX), (BYTE **)connections, read, total, resume);
}

DWORD WINAPI MprAdminConnectionEnum(RAS_SERVER_HANDLE server, DWORD level, LPBYTE *buffer, DWORD length, LPDWORD read,
                                    LPDWORD total, LPDWORD resume)
{
    (void)length;
    if (level) return ERROR_INVALID_LEVEL;
    return page(L"MprAdminConnectionEnum", server, sizeof(RAS_CONNECTION_0), buffer, read, total, resume);
}
