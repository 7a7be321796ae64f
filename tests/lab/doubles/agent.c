/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent.h"

static CRITICAL_SECTION one_at_a_time;
static const char *token;

static ULONG dump(const struct argument *a, int n, struct json *out)
{
    (void)a;
    (void)n;
    http_dump(out);
    reg_dump(out, "sstpsvc", SSTP_PARAMETERS);
    reg_dump(out, "product", L"SOFTWARE\\rras.sstp");
    cert_dump(out);
    services_dump(out);
    events_dump(out);
    return 0;
}

/* Only what the TLS server needs at each connection: far quicker than everything. */
static ULONG listener(const struct argument *a, int n, struct json *out)
{
    (void)a;
    (void)n;
    http_dump(out);
    reg_dump(out, "sstpsvc", SSTP_PARAMETERS);
    services_dump(out);
    return 0;
}

static ULONG certificates(const struct argument *a, int n, struct json *out)
{
    (void)a;
    (void)n;
    cert_dump(out);
    return 0;
}

static ULONG quit(const struct argument *a, int n, struct json *out)
{
    (void)a;
    (void)n;
    (void)out;
    ExitProcess(0);
}

static const struct {
    const char *name;
    command run;
    int least;
} commands[] = {
    {"dump", dump, 0}, {"listener", listener, 0}, {"certificates", certificates, 0}, {"quit", quit, 0},
    {"http_set", http_set, 11}, {"http_update", http_update, 11}, {"http_delete", http_delete, 2},
    {"http_probe", http_probe, 0},
    {"cert_import", cert_import, 4}, {"cert_add", cert_add, 2}, {"cert_delete", cert_delete, 2},
    {"cert_name", cert_name, 3}, {"key_delete", key_delete, 2}, {"key_flags", key_flags, 3}, {"key_share", key_share, 4},
    {"rehome", rehome, 0},
    {"reg_set", reg_set, 4}, {"reg_get", reg_get, 2}, {"reg_create", reg_create, 1},
    {"reg_delete_value", reg_delete_value, 2}, {"reg_delete_key", reg_delete_key, 1},
    {"service_create", service_create, 4}, {"service_delete", service_delete, 1},
    {"service_configure", service_configure, 2}, {"service_start", service_start, 1},
    {"service_stop", service_stop, 1}, {"service_query", service_query, 1},
};

static BOOL decode(char *word, struct argument *argument)
{
    size_t length = strlen(word + 1) / 2;
    unsigned byte;

    memset(argument, 0, sizeof(*argument));
    if (word[0] != '~') return word[0] == '-' && !word[1];
    argument->data = calloc(1, length + 1);
    argument->size = (DWORD)length;
    for (size_t i = 0; i < length; i++) {
        if (sscanf(word + 1 + 2 * i, "%2x", &byte) != 1) return FALSE;
        argument->data[i] = (BYTE)byte;
    }
    argument->text = calloc(length + 1, sizeof(WCHAR));
    MultiByteToWideChar(CP_UTF8, 0, (char *)argument->data, -1, argument->text, (int)length + 1);
    return TRUE;
}

ULONG number(const struct argument *argument)
{
    return argument->text ? wcstoul(argument->text, NULL, 0) : 0;
}

static ULONG execute(char *line, struct json *out)
{
    struct argument arguments[16] = {{0}};
    char *name = strtok(line, " "), *word;
    ULONG code = ERROR_CALL_NOT_IMPLEMENTED;
    int count = 0;
    BOOL good = TRUE;

    while (good && count < 16 && (word = strtok(NULL, " "))) good = decode(word, &arguments[count++]);
    for (size_t i = 0; name && good && i < ARRAYSIZE(commands); i++)
        if (!strcmp(name, commands[i].name))
            code = count < commands[i].least ? ERROR_BAD_ARGUMENTS : commands[i].run(arguments, count, out);
    for (int i = 0; i < count; i++) {
        free(arguments[i].data);
        free(arguments[i].text);
    }
    return good ? code : ERROR_BAD_ARGUMENTS;
}

/* One line without its end (whoever asks waits for the answer, so none follows at once); NULL when the connection is over. The caller frees. */
static char *read_line(SOCKET connection)
{
    size_t room = 65536, used = 0;
    char *line = malloc(room);

    for (;;) {
        int got = recv(connection, line + used, (int)(room - used - 1), 0);
        if (got <= 0) break;
        used += got;
        if (line[used - 1] == '\n') {
            line[used - 1] = 0;
            return line;
        }
        if (used + 1 >= room) line = realloc(line, room *= 2);
    }
    free(line);
    return NULL;
}

static void send_all(SOCKET connection, const char *data, size_t size)
{
    while (size) {
        int sent = send(connection, data, (int)size, 0);
        if (sent <= 0) return;
        data += sent;
        size -= sent;
    }
}

static DWORD WINAPI serve(void *parameter)
{
    SOCKET connection = (SOCKET)parameter;
    char *line = read_line(connection);
    BOOL known = line && !strcmp(line, token);

    free(line);
    if (known) send_all(connection, "{\"code\":0}\n", 11);
    while (known && (line = read_line(connection))) {
        struct json out = {0};
        EnterCriticalSection(&one_at_a_time);
        json_open(&out, NULL, '{');
        ULONG code = execute(line, &out);
        json_number(&out, "code", code);
        json_close(&out, '}');
        LeaveCriticalSection(&one_at_a_time);
        send_all(connection, out.text, out.used);
        send_all(connection, "\n", 1);
        free(out.text);
        free(line);
    }
    closesocket(connection);
    return 0;
}

int wmain(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    HTTPAPI_VERSION version = {2, 0};
    const char *port = getenv("LAB_AGENT_PORT");
    SOCKET listening, connection;
    WSADATA data;

    token = getenv("LAB_AGENT_TOKEN");
    if (!token || !port) return 2;
    WSAStartup(MAKEWORD(2, 2), &data);
    InitializeCriticalSection(&one_at_a_time);
    HttpInitialize(version, HTTP_INITIALIZE_CONFIG, NULL);
    address.sin_port = htons((USHORT)atoi(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listening = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listening, (struct sockaddr *)&address, sizeof(address)) || listen(listening, 64)) return 3;
    while ((connection = accept(listening, NULL, NULL)) != INVALID_SOCKET)
        CloseHandle(CreateThread(NULL, 0, serve, (void *)connection, 0, NULL));
    return 4;
}
