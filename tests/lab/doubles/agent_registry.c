/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The agent: registry below HKLM. */
#include "agent.h"

/* path name type(sz|dword|binary) value */
ULONG reg_set(const struct argument *a, int n, struct json *out)
{
    const char *type = (char *)a[2].data;
    DWORD value = number(&a[3]);

    (void)n;
    (void)out;
    if (!strcmp(type, "dword")) return lab_set(a[0].text, a[1].text, REG_DWORD, &value, sizeof(value));
    if (!strcmp(type, "binary")) return lab_set(a[0].text, a[1].text, REG_BINARY, a[3].data, a[3].size);
    if (!strcmp(type, "sz"))
        return lab_set(a[0].text, a[1].text, REG_SZ, a[3].text, (DWORD)((wcslen(a[3].text) + 1) * sizeof(WCHAR)));
    return ERROR_BAD_ARGUMENTS;
}

static void dump_value(struct json *out, const char *name, DWORD type, const BYTE *data, DWORD size)
{
    static const char *const types[] = {"REG_NONE", "REG_SZ", "REG_EXPAND_SZ", "REG_BINARY", "REG_DWORD"};
    DWORD value;

    json_open(out, name, '{');
    if (type < ARRAYSIZE(types)) json_ascii(out, "type", types[type]);
    else json_ascii(out, "type", type == REG_MULTI_SZ ? "REG_MULTI_SZ" : type == REG_QWORD ? "REG_QWORD" : "REG_OTHER");
    if (type == REG_DWORD && size == sizeof(value)) {
        memcpy(&value, data, sizeof(value));
        json_number(out, "value", value);
    } else if (type == REG_SZ || type == REG_EXPAND_SZ) {
        json_text(out, "value", (const WCHAR *)data);
    } else {
        json_hex(out, "value", data, size);
    }
    json_close(out, '}');
}

/* path name */
ULONG reg_get(const struct argument *a, int n, struct json *out)
{
    DWORD type, size;
    BYTE *data = lab_value(HKEY_LOCAL_MACHINE, a[0].text, a[1].text, &type, &size);

    (void)n;
    if (!data) return ERROR_FILE_NOT_FOUND;
    dump_value(out, "value", type, data, size);
    free(data);
    return 0;
}

ULONG reg_create(const struct argument *a, int n, struct json *out)
{
    HKEY key;
    LSTATUS status = RegCreateKeyExW(HKEY_LOCAL_MACHINE, a[0].text, 0, NULL, 0, KEY_WRITE, NULL, &key, NULL);

    (void)n;
    (void)out;
    if (!status) RegCloseKey(key);
    return status;
}

ULONG reg_delete_value(const struct argument *a, int n, struct json *out)
{
    HKEY key;
    LSTATUS status = RegOpenKeyExW(HKEY_LOCAL_MACHINE, a[0].text, 0, KEY_WRITE, &key);

    (void)n;
    (void)out;
    if (status) return status;
    status = RegDeleteValueW(key, a[1].text);
    RegCloseKey(key);
    return status;
}

/* path: the key with all that is below */
ULONG reg_delete_key(const struct argument *a, int n, struct json *out)
{
    (void)n;
    (void)out;
    return RegDeleteTreeW(HKEY_LOCAL_MACHINE, a[0].text);
}

static void dump_below(struct json *out, const WCHAR *path, const WCHAR *prefix)
{
    WCHAR name[260], full[1024];
    DWORD index, size;
    HKEY key;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key)) return;
    for (index = 0; size = ARRAYSIZE(name), !RegEnumValueW(key, index, name, &size, NULL, NULL, NULL, NULL); index++) {
        DWORD type, length;
        BYTE *data = lab_value(HKEY_LOCAL_MACHINE, path, name, &type, &length);
        _snwprintf(full, ARRAYSIZE(full), L"%ls%ls", prefix, name);
        char *utf8 = to_utf8(full);
        if (data) dump_value(out, utf8, type, data, length);
        free(utf8);
        free(data);
    }
    for (index = 0; size = ARRAYSIZE(name), !RegEnumKeyExW(key, index, name, &size, NULL, NULL, NULL, NULL); index++) {
        WCHAR below[1024], longer[1024];
        _snwprintf(below, ARRAYSIZE(below), L"%ls\\%ls", path, name);
        _snwprintf(longer, ARRAYSIZE(longer), L"%ls%ls\\", prefix, name);
        dump_below(out, below, longer);
    }
    RegCloseKey(key);
}

/* {"name": {"type", "value"}, "subkey\\name": ...}; null when there is no such key */
void reg_dump(struct json *out, const char *name, const WCHAR *path)
{
    HKEY key;

    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, path, 0, KEY_READ, &key)) {
        json_text(out, name, NULL);
        return;
    }
    RegCloseKey(key);
    json_open(out, name, '{');
    dump_below(out, path, L"");
    json_close(out, '}');
}

void events_dump(struct json *out)
{
    WCHAR name[16];

    json_open(out, "events", '[');
    for (DWORD i = 1;; i++) {
        _snwprintf(name, ARRAYSIZE(name), L"%06lu", i);
        WCHAR *text = (WCHAR *)lab_value(HKEY_LOCAL_MACHINE, LAB_EVENTS, name, NULL, NULL);
        if (!text) break;
        json_text(out, NULL, text);
        free(text);
    }
    json_close(out, ']');
}
