/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The agent: HTTP.SYS records. */
#include "agent.h"

static const struct {
    const char *name;
    ULONG id, set_size, query_size, param_offset, token_offset;
} families[] = {
    {"ip", ID_SSL, sizeof(HTTP_SERVICE_CONFIG_SSL_SET), sizeof(HTTP_SERVICE_CONFIG_SSL_QUERY),
     offsetof(HTTP_SERVICE_CONFIG_SSL_SET, ParamDesc), offsetof(HTTP_SERVICE_CONFIG_SSL_QUERY, dwToken)},
    {"sni", ID_SNI, sizeof(SNI_SET), sizeof(SNI_QUERY), offsetof(SNI_SET, ParamDesc), offsetof(SNI_QUERY, dwToken)},
    {"ccs", ID_CCS, sizeof(CCS_SET), sizeof(CCS_QUERY), offsetof(CCS_SET, ParamDesc), offsetof(CCS_QUERY, dwToken)},
};

/* A SET struct of any family, with what its pointers point to. */
struct set {
    union {
        HTTP_SERVICE_CONFIG_SSL_SET ip;
        SNI_SET sni;
        CCS_SET ccs;
    } data;
    SOCKADDR_STORAGE address;
    WCHAR host[ENDPOINT_CHARS];
    int family;
};

static BOOL key_of(struct set *set, const struct argument *family, const struct argument *endpoint)
{
    WCHAR *colon;
    SOCKADDR_IN *any = (SOCKADDR_IN *)&set->data;

    memset(set, 0, sizeof(*set));
    while (set->family < 3 && strcmp((char *)family->data, families[set->family].name)) set->family++;
    if (set->family == 3) return FALSE;
    if (families[set->family].id == ID_SSL) {
        set->data.ip.KeyDesc.pIpPort = (SOCKADDR *)&set->address;
        return lab_address(endpoint->text, &set->address);
    }
    wcsncpy(set->host, endpoint->text, ENDPOINT_CHARS - 1);
    colon = wcsrchr(set->host, ':');
    any->sin_family = AF_INET;
    any->sin_port = htons((USHORT)wcstoul(colon ? colon + 1 : set->host, NULL, 10));
    if (families[set->family].id == ID_CCS) return TRUE;
    if (!colon) return FALSE;
    *colon = 0;
    set->data.sni.KeyDesc.Host = set->host;
    return TRUE;
}

/* family endpoint hash app_id store check_mode freshness_time url_retrieval_timeout ctl_identifier ctl_store flags */
static ULONG put_record(const struct argument *a, BOOL update)
{
    struct set set;
    HTTP_SERVICE_CONFIG_SSL_PARAM *param;
    ULONG size;
    HTTP_WRITE call = HttpSetServiceConfiguration;

    if (!key_of(&set, &a[0], &a[1])) return ERROR_BAD_ARGUMENTS;
    size = families[set.family].set_size;
    param = (void *)((BYTE *)&set.data + families[set.family].param_offset);
    param->pSslHash = a[2].size ? a[2].data : NULL;
    param->SslHashLength = a[2].size;
    if (a[3].size == sizeof(GUID)) memcpy(&param->AppId, a[3].data, sizeof(GUID));
    param->pSslCertStoreName = a[4].text;
    param->DefaultCertCheckMode = number(&a[5]);
    param->DefaultRevocationFreshnessTime = number(&a[6]);
    param->DefaultRevocationUrlRetrievalTimeout = number(&a[7]);
    param->pDefaultSslCtlIdentifier = a[8].text;
    param->pDefaultSslCtlStoreName = a[9].text;
    param->DefaultFlags = number(&a[10]);
    if (update) call = (HTTP_WRITE)(void *)GetProcAddress(GetModuleHandleW(L"httpapi.dll"), "HttpUpdateServiceConfiguration");
    if (!call) return ERROR_PROC_NOT_FOUND;
    return call(NULL, families[set.family].id, &set.data, size, NULL);
}

ULONG http_set(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return put_record(a, FALSE);
}

ULONG http_update(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return put_record(a, TRUE);
}

ULONG http_delete(const struct argument *a, int n, struct json *out)
{
    struct set set;

    (void)n;
    (void)out;
    if (!key_of(&set, &a[0], &a[1])) return ERROR_BAD_ARGUMENTS;
    return HttpDeleteServiceConfiguration(NULL, families[set.family].id, &set.data, families[set.family].set_size, NULL);
}

static void dump_record(struct json *out, int family, const BYTE *set)
{
    const HTTP_SERVICE_CONFIG_SSL_PARAM *param = (const void *)(set + families[family].param_offset);
    WCHAR endpoint[ENDPOINT_CHARS] = L"";
    ULONG port = ntohs(((const SOCKADDR_IN *)set)->sin_port);

    if (families[family].id == ID_SSL) lab_endpoint(((const HTTP_SERVICE_CONFIG_SSL_SET *)set)->KeyDesc.pIpPort, endpoint);
    else if (families[family].id == ID_SNI)
        _snwprintf(endpoint, ENDPOINT_CHARS, L"%ls:%lu", ((const SNI_SET *)set)->KeyDesc.Host, port);
    else _snwprintf(endpoint, ENDPOINT_CHARS, L"%lu", port);
    json_open(out, NULL, '{');
    json_ascii(out, "family", families[family].name);
    json_text(out, "endpoint", endpoint);
    json_hex(out, "hash", param->pSslHash, param->SslHashLength);
    json_guid(out, "app_id", &param->AppId);
    json_text(out, "store", param->pSslCertStoreName);
    json_number(out, "check_mode", param->DefaultCertCheckMode);
    json_number(out, "freshness_time", param->DefaultRevocationFreshnessTime);
    json_number(out, "url_retrieval_timeout", param->DefaultRevocationUrlRetrievalTimeout);
    json_text(out, "ctl_identifier", param->pDefaultSslCtlIdentifier);
    json_text(out, "ctl_store", param->pDefaultSslCtlStoreName);
    json_number(out, "flags", param->DefaultFlags);
    json_close(out, '}');
}

/* The record of an index; NULL at the end. The caller frees. */
static BYTE *next_record(int family, ULONG index)
{
    BYTE query[sizeof(SNI_QUERY)] = {0}, *set = NULL;
    ULONG kind = HttpServiceConfigQueryNext, code, size = 0;

    memcpy(query, &kind, sizeof(kind));
    memcpy(query + families[family].token_offset, &index, sizeof(index));
    do {
        set = realloc(set, size + 1);
        code = HttpQueryServiceConfiguration(NULL, families[family].id, query, families[family].query_size, set, size,
                                             &size, NULL);
    } while (code == ERROR_INSUFFICIENT_BUFFER);
    if (!code) return set;
    free(set);
    return NULL;
}

void http_dump(struct json *out)
{
    BYTE *set;

    json_open(out, "http", '[');
    for (int family = 0; family < 3; family++)
        for (ULONG index = 0; (set = next_record(family, index)); index++) {
            dump_record(out, family, set);
            free(set);
        }
    json_close(out, ']');
}

/* Calls that a program gets wrong, and the code that each one gives; read only. */
ULONG http_probe(const struct argument *a, int n, struct json *out)
{
    HTTPAPI_VERSION version = {2, 0};
    HTTP_SERVICE_CONFIG_SSL_QUERY query = {HttpServiceConfigQueryNext, {NULL}, 0};
    HTTP_SERVICE_CONFIG_SSL_SET set = {{0}, {0}};
    OVERLAPPED overlapped = {0};
    BYTE small[8];
    ULONG needed = 0;

    (void)a;
    (void)n;
#define QUERY(handle, id, length, buffer, room, over) \
    HttpQueryServiceConfiguration(handle, id, &query, length, buffer, room, &needed, over)
    json_number(out, "null_buffer", QUERY(NULL, ID_SSL, sizeof(query), NULL, 0, NULL));
    json_number(out, "needed", needed);
    json_number(out, "small_buffer", QUERY(NULL, ID_SSL, sizeof(query), small, sizeof(small), NULL));
    json_number(out, "unknown_id", QUERY(NULL, 2, sizeof(query), NULL, 0, NULL));
    json_number(out, "handle", QUERY((HANDLE)1, ID_SSL, sizeof(query), NULL, 0, NULL));
    json_number(out, "length", QUERY(NULL, ID_SSL, sizeof(query) - 1, NULL, 0, NULL));
    json_number(out, "overlapped", QUERY(NULL, ID_SSL, sizeof(query), NULL, 0, &overlapped));
    query.dwToken = 0x7fffffff;
    json_number(out, "past_the_end", QUERY(NULL, ID_SSL, sizeof(query), NULL, 0, NULL));
    json_number(out, "set_without_address", HttpSetServiceConfiguration(NULL, ID_SSL, &set, sizeof(set), NULL));
    HttpTerminate(HTTP_INITIALIZE_CONFIG, NULL);
    json_number(out, "not_initialised", QUERY(NULL, ID_SSL, sizeof(query), NULL, 0, NULL));
    HttpInitialize(version, HTTP_INITIALIZE_CONFIG, NULL);
#undef QUERY
    return 0;
}
