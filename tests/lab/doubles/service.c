/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * Doubles of SstpSvc, RasMan and RemoteAccess; the first argument says which. SstpSvc looks at its certificate only
 * when it starts (domain.md 2.2, 2.3, 3).
 *
 * What the service manager of Wine 8 lacks: it starts no dependencies, it lets a service stop while dependants run, and
 * EnumDependentServices finds none, and QueryServiceConfig tells no dependencies (DependOnService in the registry is the
 * only place where the graph can be read). So each double starts what it depends on from its own start. On Windows
 * StartService itself gives 1068 when a dependency does not start; here the service goes back to stopped with exit code
 * 1068. A double whose dependant runs takes no stop: ControlService gives 1052 where Windows gives 1051. (What a control
 * handler returns is thrown away by Wine, and a second stop of a service that has not obeyed the first kills it.) The
 * dependant tells when it comes and goes, by the controls of its own below. */
#include "lab.h"

#define DEPENDANT_RUNS 128
#define DEPENDANT_GONE 129

static const struct role {
    const WCHAR *name, *needs;
} roles[] = {
    {L"SstpSvc", NULL},
    {L"RasMan", L"SstpSvc"},
    {L"RemoteAccess", L"RasMan"},
};
static const struct role *role;
static SERVICE_STATUS_HANDLE status_handle;
static HANDLE stop_event;
static volatile DWORD state = SERVICE_START_PENDING;
static volatile BOOL needed;

static DWORD switch_of(const WCHAR *suffix)
{
    WCHAR name[128];

    _snwprintf(name, ARRAYSIZE(name), L"%ls.%ls", role->name, suffix);
    return lab_dword(LAB_SWITCHES, name, 0);
}

static void report(DWORD new_state, DWORD exit_code)
{
    SERVICE_STATUS status = {SERVICE_WIN32_OWN_PROCESS, new_state, 0, exit_code, 0, 0, 0};

    state = new_state;
    if (new_state == SERVICE_RUNNING && !needed) status.dwControlsAccepted = SERVICE_ACCEPT_STOP;
    if (new_state == SERVICE_START_PENDING || new_state == SERVICE_STOP_PENDING) status.dwWaitHint = 30000;
    SetServiceStatus(status_handle, &status);
}

/* --- the graph ---------------------------------------------------------------------------------------------------- */

static DWORD state_of(const WCHAR *name)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, name, SERVICE_QUERY_STATUS);
    SERVICE_STATUS status = {0};

    if (service && !QueryServiceStatus(service, &status)) status.dwCurrentState = 0;
    if (service) CloseServiceHandle(service);
    CloseServiceHandle(manager);
    return status.dwCurrentState;
}

/* Tell what this service depends on. */
static void tell(DWORD control)
{
    SC_HANDLE manager, service;
    SERVICE_STATUS status;

    if (!role->needs) return;
    manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    service = OpenServiceW(manager, role->needs, SERVICE_USER_DEFINED_CONTROL);
    if (service) {
        ControlService(service, control, &status);
        CloseServiceHandle(service);
    }
    CloseServiceHandle(manager);
}

static BOOL pull_up(const WCHAR *name)
{
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceW(manager, name, SERVICE_START | SERVICE_QUERY_STATUS);
    DWORD now = 0;

    if (service) {
        /* The service manager refuses while it is busy with another start or stop. */
        for (int i = 0; i < 200 && !StartServiceW(service, 0, NULL) && GetLastError() == ERROR_SERVICE_DATABASE_LOCKED; i++)
            Sleep(50);
        CloseServiceHandle(service);
    }
    CloseServiceHandle(manager);
    for (int i = 0; i < 300; i++) {
        now = state_of(name);
        if (now != SERVICE_START_PENDING && now != SERVICE_STOP_PENDING) break;
        Sleep(100);
    }
    return now == SERVICE_RUNNING;
}

/* --- what SstpSvc does with its certificate ----------------------------------------------------------------------- */

static void event(DWORD id, const WCHAR *detail)
{
    WCHAR name[16], text[512];
    DWORD count = 0;
    FILETIME now;
    HKEY key;

    GetSystemTimeAsFileTime(&now);
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, LAB_EVENTS, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL)) return;
    RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL, &count, NULL, NULL, NULL, NULL);
    _snwprintf(name, ARRAYSIZE(name), L"%06lu", count + 1);
    _snwprintf(text, ARRAYSIZE(text), L"%lu %ls", id, detail);
    lab_set(LAB_EVENT_TIMES, name, REG_QWORD, &now, sizeof(now));
    RegSetValueExW(key, name, 0, REG_SZ, (BYTE *)text, (DWORD)((wcslen(text) + 1) * sizeof(WCHAR)));
    RegCloseKey(key);
}

/* One record of the pair; NULL when it is not there. The caller frees. */
static HTTP_SERVICE_CONFIG_SSL_SET *record(const WCHAR *ip, DWORD port)
{
    SOCKADDR_STORAGE address;
    WCHAR endpoint[ENDPOINT_CHARS];
    HTTP_SERVICE_CONFIG_SSL_QUERY query = {HttpServiceConfigQueryExact, {(SOCKADDR *)&address}, 0};
    HTTP_SERVICE_CONFIG_SSL_SET *set = NULL;
    ULONG code, size = 0;

    _snwprintf(endpoint, ARRAYSIZE(endpoint), L"%ls:%lu", ip, port);
    lab_address(endpoint, &address);
    do {
        set = realloc(set, size + 1);
        code = HttpQueryServiceConfiguration(NULL, ID_SSL, &query, sizeof(query), set, size, &size, NULL);
    } while (code == ERROR_INSUFFICIENT_BUFFER);
    if (!code) return set;
    free(set);
    return NULL;
}

static PCCERT_CONTEXT certificate_of(const HTTP_SERVICE_CONFIG_SSL_PARAM *param, HCERTSTORE *store)
{
    *store = lab_store(param->pSslCertStoreName ? param->pSslCertStoreName : L"MY", FALSE);
    if (!*store || param->SslHashLength != SHA1_BYTES) return NULL;
    return lab_find(*store, param->pSslHash);
}

/* The hashes of the certificate bound to a record; FALSE when it cannot be had (event 21, which carries ERROR_FILE_NOT_FOUND or
 * CRYPT_E_NOT_FOUND then: what the real one carries is not known). */
static BOOL bound_hashes(const HTTP_SERVICE_CONFIG_SSL_SET *set, BYTE sha256[32], BYTE sha1[SHA1_BYTES])
{
    HCERTSTORE store = NULL;
    PCCERT_CONTEXT certificate = set ? certificate_of(&set->ParamDesc, &store) : NULL;
    BOOL good = FALSE;

    if (certificate) {
        good = lab_sha256(certificate->pbCertEncoded, certificate->cbCertEncoded, sha256);
        memcpy(sha1, set->ParamDesc.pSslHash, SHA1_BYTES);
        CertFreeCertificateContext(certificate);
    }
    if (store) CertCloseStore(store, 0);
    return good;
}

static BOOL in_my_store(const BYTE sha256[32])
{
    HCERTSTORE store = lab_store(L"MY", FALSE);
    PCCERT_CONTEXT certificate = NULL;
    BYTE digest[32];
    BOOL found = FALSE;

    while (store && !found && (certificate = CertEnumCertificatesInStore(store, certificate)))
        found = lab_sha256(certificate->pbCertEncoded, certificate->cbCertEncoded, digest) && !memcmp(digest, sha256, 32);
    if (found) CertFreeCertificateContext(certificate);
    if (store) CertCloseStore(store, 0);
    return found;
}

static void write_hashes(const BYTE sha256[32], const BYTE sha1[SHA1_BYTES])
{
    lab_set(SSTP_PARAMETERS, L"SHA256CertificateHash", REG_BINARY, sha256, 32);
    if (lab_dword(LAB_SWITCHES, L"Sha1", 1))
        lab_set(SSTP_PARAMETERS, L"SHA1CertificateHash", REG_BINARY, sha1, SHA1_BYTES);
}

static void check_sha1(void)
{
    DWORD type, size;
    BYTE *sha1 = lab_value(HKEY_LOCAL_MACHINE, SSTP_PARAMETERS, L"SHA1CertificateHash", &type, &size);

    if (sha1 && (type != REG_BINARY || size != SHA1_BYTES)) event(19, L"SHA-1 hash invalid");
    free(sha1);
}

static void check_admin(const BYTE *kept, BOOL kept_valid, BOOL bound, const BYTE sha256[32])
{
    if (!kept || !kept_valid) {
        event(18, L"SHA-256 hash missing or invalid");
        return;
    }
    if (!in_my_store(kept)) event(25, L"configured certificate missing");
    if (!bound || memcmp(kept, sha256, 32)) event(32, L"configured certificate is not the one bound");
}

/* A missing record of [::] is no reason for an event: there is none where IPv6 is unbound (domain.md 6). */
static void compare_pair(const HTTP_SERVICE_CONFIG_SSL_SET *v4, const HTTP_SERVICE_CONFIG_SSL_SET *v6)
{
    if (!v4 || !v6) return;
    if (v4->ParamDesc.SslHashLength == v6->ParamDesc.SslHashLength &&
        !memcmp(v4->ParamDesc.pSslHash, v6->ParamDesc.pSslHash, v4->ParamDesc.SslHashLength))
        return;
    event(24, L"IPv4 and IPv6 have different certificates");
}

struct found {
    BOOL write;
    BYTE sha256[32], sha1[SHA1_BYTES];
};

/* The start of SstpSvc. A value that is there and of the right length is left alone, stale or not: that is the worst
 * failure in the field (TLS fine, every logon fails), and a restart alone does not cure it. */
static void look_at_certificate(struct found *found)
{
    DWORD port = lab_dword(SSTP_PARAMETERS, L"ListenerPort", 0), type = 0, size = 0;
    HTTPAPI_VERSION version = {2, 0};
    HTTP_SERVICE_CONFIG_SSL_SET *v4, *v6;
    BYTE *kept;
    BOOL bound, valid;

    if (!lab_dword(SSTP_PARAMETERS, L"UseHttps", 1)) return;
    if (!port) port = 443;
    if (HttpInitialize(version, HTTP_INITIALIZE_CONFIG, NULL)) return;
    v4 = record(L"0.0.0.0", port);
    v6 = record(L"[::]", port);
    compare_pair(v4, v6);
    bound = bound_hashes(v4, found->sha256, found->sha1);
    kept = lab_value(HKEY_LOCAL_MACHINE, SSTP_PARAMETERS, L"SHA256CertificateHash", &type, &size);
    valid = type == REG_BINARY && size == 32;
    if (lab_dword(SSTP_PARAMETERS, L"isHashConfiguredByAdmin", 0) == 1) {
        check_admin(kept, valid, bound, found->sha256);
    } else {
        if (!bound) event(21, v4 ? L"0x80092004" : L"0x80070002");
        if (kept && !valid) event(18, L"SHA-256 hash invalid");
        found->write = bound && !kept;
    }
    check_sha1();
    free(kept);
    free(v4);
    free(v6);
    HttpTerminate(HTTP_INITIALIZE_CONFIG, NULL);
}

/* --- the service -------------------------------------------------------------------------------------------------- */

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context)
{
    (void)type;
    (void)data;
    (void)context;
    if (control == SERVICE_CONTROL_INTERROGATE) return NO_ERROR;
    if (control == DEPENDANT_RUNS || control == DEPENDANT_GONE) {
        needed = control == DEPENDANT_RUNS;
        report(state, 0);
        return NO_ERROR;
    }
    if (control != SERVICE_CONTROL_STOP && control != SERVICE_CONTROL_SHUTDOWN) return ERROR_CALL_NOT_IMPLEMENTED;
    report(SERVICE_STOP_PENDING, 0);
    if (!switch_of(L"StopHangs")) SetEvent(stop_event);
    return NO_ERROR;
}

static DWORD begin(struct found *found)
{
    DWORD starts = lab_dword(LAB_STARTS, role->name, 0) + 1;

    lab_set(LAB_STARTS, role->name, REG_DWORD, &starts, sizeof(starts));
    if (switch_of(L"StartFails")) return ERROR_SERVICE_SPECIFIC_ERROR;
    if (role->needs && !pull_up(role->needs)) return ERROR_SERVICE_DEPENDENCY_FAIL;
    if (!wcscmp(role->name, L"SstpSvc")) look_at_certificate(found);
    return 0;
}

static void WINAPI service_main(DWORD argc, WCHAR **argv)
{
    struct found found = {0};
    DWORD code, delay = lab_dword(LAB_SWITCHES, L"HashDelay", 0), dies = INFINITE;

    (void)argc;
    (void)argv;
    stop_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    status_handle = RegisterServiceCtrlHandlerExW(role->name, on_control, NULL);
    report(SERVICE_START_PENDING, 0);
    code = begin(&found);
    if (code) {
        report(SERVICE_STOPPED, code);
        return;
    }
    if (found.write && !delay) write_hashes(found.sha256, found.sha1);
    tell(DEPENDANT_RUNS);
    report(SERVICE_RUNNING, 0);
    if (found.write && delay && WaitForSingleObject(stop_event, delay) == WAIT_TIMEOUT)
        write_hashes(found.sha256, found.sha1);
    if (switch_of(L"DiesAfter")) dies = switch_of(L"DiesAfter");
    /* Wine's service manager does not see a process die: what Windows would find is told, 1067. */
    code = WaitForSingleObject(stop_event, dies) == WAIT_TIMEOUT ? ERROR_PROCESS_ABORTED : 0;
    tell(DEPENDANT_GONE);
    if (!wcscmp(role->name, L"RemoteAccess")) RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, LAB_SESSIONS, L"Count");
    report(SERVICE_STOPPED, code);
}

int wmain(int argc, WCHAR **argv)
{
    SERVICE_TABLE_ENTRYW table[2] = {{0}};

    for (size_t i = 0; argc > 1 && i < ARRAYSIZE(roles); i++)
        if (!wcscmp(argv[1], roles[i].name)) role = &roles[i];
    if (!role) return 2;
    table[0].lpServiceName = (WCHAR *)role->name;
    table[0].lpServiceProc = service_main;
    return StartServiceCtrlDispatcherW(table) ? 0 : (int)GetLastError();
}
