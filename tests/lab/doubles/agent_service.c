/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The agent: services. */
#include "agent.h"

static ULONG with_service(const WCHAR *name, DWORD access, ULONG (*work)(SC_HANDLE, const struct argument *, struct json *),
                          const struct argument *a, struct json *out)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT), service;
    ULONG code;

    if (!manager) return GetLastError();
    service = OpenServiceW(manager, name, access);
    code = service ? work(service, a, out) : GetLastError();
    if (service) CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return code;
}

/* name start_type(dword) binary dependencies(comma) */
ULONG service_create(const struct argument *a, int n, struct json *out)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CREATE_SERVICE), service;
    WCHAR needs[256] = {0};
    ULONG code = 0;

    (void)n;
    (void)out;
    if (!manager) return GetLastError();
    wcsncpy(needs, a[3].text ? a[3].text : L"", ARRAYSIZE(needs) - 2);
    for (WCHAR *at = wcschr(needs, ','); at; at = wcschr(at + 1, ',')) *at = 0;
    service = CreateServiceW(manager, a[0].text, a[0].text, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, number(&a[1]),
                             SERVICE_ERROR_NORMAL, a[2].text, NULL, NULL, a[3].text ? needs : NULL, NULL, NULL);
    if (!service) code = GetLastError();
    else CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return code;
}

static ULONG erase(SC_HANDLE service, const struct argument *a, struct json *out)
{
    (void)a;
    (void)out;
    return DeleteService(service) ? 0 : GetLastError();
}

/* Wine 8's ChangeServiceConfig loses DependOnService, where Windows keeps what is not to be changed: it is put back. */
static ULONG configure(SC_HANDLE service, const struct argument *a, struct json *out)
{
    WCHAR path[256];
    BYTE needs[1024];
    DWORD type = 0, size = sizeof(needs);
    LONG read;
    ULONG code;

    (void)out;
    swprintf(path, ARRAYSIZE(path), L"SYSTEM\\CurrentControlSet\\Services\\%ls", a[0].text);
    read = RegGetValueW(HKEY_LOCAL_MACHINE, path, L"DependOnService", RRF_RT_REG_MULTI_SZ, &type, needs, &size);
    code = ChangeServiceConfigW(service, SERVICE_NO_CHANGE, number(&a[1]), SERVICE_NO_CHANGE, NULL, NULL, NULL, NULL, NULL,
                                NULL, NULL) ? 0 : GetLastError();
    if (!code && !read) code = RegSetKeyValueW(HKEY_LOCAL_MACHINE, path, L"DependOnService", type, needs, size);
    return code;
}

static ULONG start(SC_HANDLE service, const struct argument *a, struct json *out)
{
    (void)a;
    (void)out;
    return StartServiceW(service, 0, NULL) ? 0 : GetLastError();
}

static ULONG stop(SC_HANDLE service, const struct argument *a, struct json *out)
{
    SERVICE_STATUS status;

    (void)a;
    (void)out;
    return ControlService(service, SERVICE_CONTROL_STOP, &status) ? 0 : GetLastError();
}

static ULONG query(SC_HANDLE service, const struct argument *a, struct json *out)
{
    static const char *const names[] = {"unknown", "stopped", "start_pending", "stop_pending", "running"};
    static const char *const types[] = {"boot", "system", "auto", "demand", "disabled"};
    union {
        QUERY_SERVICE_CONFIGW config;
        BYTE room[4096];
    } buffer;
    SERVICE_STATUS status = {0};
    DWORD needed, kind = SERVICE_DISABLED;

    if (!QueryServiceStatus(service, &status)) return GetLastError();
    if (QueryServiceConfigW(service, &buffer.config, sizeof(buffer), &needed)) kind = buffer.config.dwStartType;
    json_ascii(out, "state", names[status.dwCurrentState < ARRAYSIZE(names) ? status.dwCurrentState : 0]);
    json_number(out, "exit_code", status.dwWin32ExitCode);
    json_ascii(out, "start_type", types[kind < ARRAYSIZE(types) ? kind : SERVICE_DISABLED]);
    json_number(out, "starts", lab_dword(LAB_STARTS, a[0].text, 0));
    return 0;
}

ULONG service_delete(const struct argument *a, int n, struct json *out)
{
    (void)n;
    return with_service(a[0].text, DELETE, erase, a, out);
}

/* name start_type(dword) */
ULONG service_configure(const struct argument *a, int n, struct json *out)
{
    (void)n;
    return with_service(a[0].text, SERVICE_CHANGE_CONFIG, configure, a, out);
}

/* Gives the order only; who waits asks for the state. */
ULONG service_start(const struct argument *a, int n, struct json *out)
{
    (void)n;
    return with_service(a[0].text, SERVICE_START, start, a, out);
}

ULONG service_stop(const struct argument *a, int n, struct json *out)
{
    (void)n;
    return with_service(a[0].text, SERVICE_STOP, stop, a, out);
}

ULONG service_query(const struct argument *a, int n, struct json *out)
{
    (void)n;
    return with_service(a[0].text, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG, query, a, out);
}

/* A service that is not installed is not in the list. */
void services_dump(struct json *out)
{
    static const WCHAR *const names[] = {L"SstpSvc", L"RasMan", L"RemoteAccess"};

    json_open(out, "services", '{');
    for (size_t i = 0; i < ARRAYSIZE(names); i++) {
        struct argument name = {NULL, 0, (WCHAR *)names[i]};
        char *utf8 = to_utf8(names[i]);
        struct json one = {0};
        json_open(&one, NULL, '{');
        if (!service_query(&name, 1, &one)) {
            json_open(out, utf8, '{');
            service_query(&name, 1, out);
            json_close(out, '}');
        }
        free(one.text);
        free(utf8);
    }
    json_close(out, '}');
}
