/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later */
#include "agent.h"

static void add(struct json *out, const char *text, size_t length)
{
    if (out->used + length + 1 > out->room) {
        out->room = (out->used + length + 1) * 2;
        out->text = realloc(out->text, out->room);
    }
    memcpy(out->text + out->used, text, length);
    out->used += length;
    out->text[out->used] = 0;
}

static void quoted(struct json *out, const char *text)
{
    char escaped[8];

    add(out, "\"", 1);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') snprintf(escaped, sizeof(escaped), "\\%c", c);
        else if (c < 32) snprintf(escaped, sizeof(escaped), "\\u%04x", c);
        else snprintf(escaped, sizeof(escaped), "%c", c);
        add(out, escaped, strlen(escaped));
    }
    add(out, "\"", 1);
}

void json_name(struct json *out, const char *name)
{
    if (out->used && !strchr("{[", out->text[out->used - 1])) add(out, ",", 1);
    if (!name) return;
    quoted(out, name);
    add(out, ":", 1);
}

void json_open(struct json *out, const char *name, char bracket)
{
    json_name(out, name);
    add(out, &bracket, 1);
}

void json_close(struct json *out, char bracket)
{
    add(out, &bracket, 1);
}

void json_number(struct json *out, const char *name, ULONGLONG number)
{
    char text[32];

    json_name(out, name);
    snprintf(text, sizeof(text), "%llu", number);
    add(out, text, strlen(text));
}

void json_bool(struct json *out, const char *name, BOOL value)
{
    json_name(out, name);
    add(out, value ? "true" : "false", value ? 4 : 5);
}

char *to_utf8(const WCHAR *text)
{
    int size = WideCharToMultiByte(CP_UTF8, 0, text, -1, NULL, 0, NULL, NULL);
    char *utf8 = malloc(size + 1);

    WideCharToMultiByte(CP_UTF8, 0, text, -1, utf8, size, NULL, NULL);
    return utf8;
}

void json_text(struct json *out, const char *name, const WCHAR *text)
{
    char *utf8;

    json_name(out, name);
    if (!text) {
        add(out, "null", 4);
        return;
    }
    utf8 = to_utf8(text);
    quoted(out, utf8);
    free(utf8);
}

void json_ascii(struct json *out, const char *name, const char *text)
{
    json_name(out, name);
    quoted(out, text);
}

void json_guid(struct json *out, const char *name, const GUID *guid)
{
    char text[48];

    snprintf(text, sizeof(text), "{%08lx-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x}", guid->Data1, guid->Data2,
             guid->Data3, guid->Data4[0], guid->Data4[1], guid->Data4[2], guid->Data4[3], guid->Data4[4], guid->Data4[5],
             guid->Data4[6], guid->Data4[7]);
    json_ascii(out, name, text);
}

void json_hex(struct json *out, const char *name, const BYTE *data, DWORD size)
{
    char byte[3];

    json_name(out, name);
    add(out, "\"", 1);
    for (DWORD i = 0; i < size; i++) {
        snprintf(byte, sizeof(byte), "%02x", data[i]);
        add(out, byte, 2);
    }
    add(out, "\"", 1);
}

void json_base64(struct json *out, const char *name, const BYTE *data, DWORD size)
{
    DWORD length = 0;
    char *text;

    CryptBinaryToStringA(data, size, CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF, NULL, &length);
    text = calloc(1, length + 1);
    CryptBinaryToStringA(data, size, CRYPT_STRING_BASE64 | CRYPT_STRING_NOCRLF, text, &length);
    json_name(out, name);
    quoted(out, text);
    free(text);
}
