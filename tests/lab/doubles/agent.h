/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The agent: the lab's hands and eyes inside a host. One request is a line "COMMAND ARGUMENT...", an argument is "-"
 * (absent) or "~" and hex bytes (UTF-8 where it is text); one answer is a line of JSON, {"code": 0, ...} or
 * {"code": Win32 error}. */
#ifndef LAB_AGENT_H
#define LAB_AGENT_H
#include "lab.h"

/* A growing text of JSON. Commas come by themselves. */
struct json {
    char *text;
    size_t used, room;
};
void json_name(struct json *out, const char *name); /* NULL inside an array */
void json_open(struct json *out, const char *name, char bracket);
void json_close(struct json *out, char bracket);
void json_number(struct json *out, const char *name, ULONGLONG number);
void json_bool(struct json *out, const char *name, BOOL value);
void json_text(struct json *out, const char *name, const WCHAR *text); /* null when NULL */
void json_ascii(struct json *out, const char *name, const char *text);
void json_guid(struct json *out, const char *name, const GUID *guid);
void json_hex(struct json *out, const char *name, const BYTE *data, DWORD size);
void json_base64(struct json *out, const char *name, const BYTE *data, DWORD size);
char *to_utf8(const WCHAR *text);

struct argument {
    BYTE *data; /* NULL: absent; a zero byte follows the data */
    DWORD size;
    WCHAR *text;
};
ULONG number(const struct argument *argument);

/* A command gives a Win32 error code and may add members to the answer. */
typedef ULONG (*command)(const struct argument *arguments, int count, struct json *out);

ULONG http_set(const struct argument *a, int n, struct json *out);
ULONG http_update(const struct argument *a, int n, struct json *out);
ULONG http_delete(const struct argument *a, int n, struct json *out);
ULONG http_probe(const struct argument *a, int n, struct json *out);
void http_dump(struct json *out);

ULONG cert_import(const struct argument *a, int n, struct json *out);
ULONG cert_add(const struct argument *a, int n, struct json *out);
ULONG cert_delete(const struct argument *a, int n, struct json *out);
ULONG cert_name(const struct argument *a, int n, struct json *out);
ULONG key_delete(const struct argument *a, int n, struct json *out);
ULONG key_flags(const struct argument *a, int n, struct json *out);
ULONG key_share(const struct argument *a, int n, struct json *out);
ULONG rehome(const struct argument *a, int n, struct json *out);
void cert_dump(struct json *out);

ULONG reg_set(const struct argument *a, int n, struct json *out);
ULONG reg_get(const struct argument *a, int n, struct json *out);
ULONG reg_create(const struct argument *a, int n, struct json *out);
ULONG reg_delete_value(const struct argument *a, int n, struct json *out);
ULONG reg_delete_key(const struct argument *a, int n, struct json *out);
void reg_dump(struct json *out, const char *name, const WCHAR *path);
void events_dump(struct json *out);

ULONG service_create(const struct argument *a, int n, struct json *out);
ULONG service_delete(const struct argument *a, int n, struct json *out);
ULONG service_configure(const struct argument *a, int n, struct json *out);
ULONG service_start(const struct argument *a, int n, struct json *out);
ULONG service_stop(const struct argument *a, int n, struct json *out);
ULONG service_query(const struct argument *a, int n, struct json *out);
void services_dump(struct json *out);

#endif
