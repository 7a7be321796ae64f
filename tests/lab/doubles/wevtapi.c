/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A double of wevtapi.dll: what .NET's EventLogReader calls to read events of the log System. Nobody but the double of
 * SstpSvc raises any (LAB_EVENTS).
 *
 * Of XPath it knows what a custom view of Event Viewer is made of, for provider and time alone:
 *   *[System[Provider[@Name='A' or @Name='B'] and TimeCreated[@SystemTime>='2026-01-02T03:04:05.678Z']]]
 * Any other query gives ERROR_EVT_INVALID_QUERY, so that a mistake in one does not pass for an empty log. */
#include "lab.h"
#include <winevt.h>

#define EXPORT __declspec(dllexport)
#define PROVIDER L"Microsoft-Windows-RasSstp"
#define CHANNEL L"System"
#define LEVEL_ERROR 2
#define XML_CHARS 2048
#define TIME_CHARS 40

enum kind { LOG_QUERY, LOG_EVENT, SYSTEM_CONTEXT };
/* What a handle points to. For a query: the event (from 1) that comes next, how many are left, what is looked for. */
struct object {
    enum kind kind;
    DWORD number, left;
    BOOL backwards, wanted;
    ULONGLONG since;
};

static struct object *make(enum kind kind)
{
    struct object *object = calloc(1, sizeof(*object));

    object->kind = kind;
    return object;
}

static BOOL fail(DWORD code)
{
    SetLastError(code);
    return FALSE;
}

/* --- events ------------------------------------------------------------------------------------------------------- */

struct event {
    DWORD id;
    ULONGLONG time;
    WCHAR text[256];
};

static BOOL read_event(DWORD number, struct event *event)
{
    WCHAR name[16], *text, *detail;
    BYTE *time;
    DWORD type, size;

    _snwprintf(name, ARRAYSIZE(name), L"%06lu", number);
    text = (WCHAR *)lab_value(HKEY_LOCAL_MACHINE, LAB_EVENTS, name, NULL, NULL);
    if (!text) return FALSE;
    memset(event, 0, sizeof(*event));
    event->id = wcstoul(text, &detail, 10);
    wcsncpy(event->text, detail + (*detail == ' '), ARRAYSIZE(event->text) - 1);
    free(text);
    time = lab_value(HKEY_LOCAL_MACHINE, LAB_EVENT_TIMES, name, &type, &size);
    if (time && type == REG_QWORD && size == sizeof(event->time)) memcpy(&event->time, time, sizeof(event->time));
    free(time);
    return TRUE;
}

static DWORD count_events(void)
{
    struct event event;
    DWORD count = 0;

    while (read_event(count + 1, &event)) count++;
    return count;
}

static void write_time(ULONGLONG time, WCHAR text[TIME_CHARS])
{
    FILETIME file = {(DWORD)time, (DWORD)(time >> 32)};
    SYSTEMTIME t;

    FileTimeToSystemTime(&file, &t);
    _snwprintf(text, TIME_CHARS, L"%04u-%02u-%02uT%02u:%02u:%02u.%07luZ", t.wYear, t.wMonth, t.wDay, t.wHour, t.wMinute, t.wSecond,
               (DWORD)(time % 10000000));
}

/* As Windows writes it. The texts are the lab's own: nothing in them has to be escaped. */
static void write_xml(DWORD number, const struct event *event, WCHAR xml[XML_CHARS])
{
    WCHAR time[TIME_CHARS], computer[256] = L"";
    DWORD size = ARRAYSIZE(computer);

    write_time(event->time, time);
    GetComputerNameExW(ComputerNameDnsFullyQualified, computer, &size);
    _snwprintf(xml, XML_CHARS,
               L"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='" PROVIDER
               L"' Guid='{6c260f2c-049a-43d8-bf4d-d350a4e6611a}'/><EventID>%lu</EventID><Version>0</Version><Level>%d</Level><Task>0</Task>"
               L"<Opcode>0</Opcode><Keywords>0x8000000000000000</Keywords><TimeCreated SystemTime='%ls'/><EventRecordID>%lu</EventRecordID>"
               L"<Correlation/><Execution ProcessID='0' ThreadID='0'/><Channel>" CHANNEL L"</Channel><Computer>%ls</Computer><Security/>"
               L"</System><EventData><Data>%ls</Data></EventData></Event>",
               event->id, LEVEL_ERROR, time, number, computer, event->text);
}

/* --- the query ---------------------------------------------------------------------------------------------------- */

static BOOL take(const WCHAR **at, const WCHAR *word)
{
    while (**at == ' ') ++*at;
    if (wcsncmp(*at, word, wcslen(word))) return FALSE;
    *at += wcslen(word);
    return TRUE;
}

static BOOL take_quoted(const WCHAR **at, WCHAR *text, size_t room)
{
    size_t length;

    if (!take(at, L"'")) return FALSE;
    length = wcscspn(*at, L"'");
    if (!(*at)[length] || length >= room) return FALSE;
    wmemcpy(text, *at, length);
    text[length] = 0;
    *at += length + 1;
    return TRUE;
}

/* 'YYYY-MM-DDThh:mm:ss[.fff]Z' */
static BOOL take_time(const WCHAR **at, ULONGLONG *time)
{
    WCHAR text[TIME_CHARS], *end;
    SYSTEMTIME t = {0};
    FILETIME file;
    int used = 0;
    double fraction = 0;

    if (!take_quoted(at, text, ARRAYSIZE(text))) return FALSE;
    if (swscanf(text, L"%4hu-%2hu-%2huT%2hu:%2hu:%2hu%n", &t.wYear, &t.wMonth, &t.wDay, &t.wHour, &t.wMinute, &t.wSecond, &used) != 6)
        return FALSE;
    end = text + used;
    if (*end == '.') fraction = wcstod(end, &end);
    if (wcscmp(end, L"Z") || !SystemTimeToFileTime(&t, &file)) return FALSE;
    *time = ((ULONGLONG)file.dwHighDateTime << 32 | file.dwLowDateTime) + (ULONGLONG)(fraction * 10000000 + 0.5);
    return TRUE;
}

static BOOL take_provider(const WCHAR **at, struct object *query)
{
    WCHAR name[256];

    query->wanted = FALSE;
    do {
        if (!take(at, L"@Name") || !take(at, L"=") || !take_quoted(at, name, ARRAYSIZE(name))) return FALSE;
        query->wanted |= !wcscmp(name, PROVIDER);
    } while (take(at, L"or "));
    return TRUE;
}

static BOOL take_since(const WCHAR **at, struct object *query)
{
    return take(at, L"@SystemTime") && take(at, L">=") && take_time(at, &query->since);
}

static BOOL understand(const WCHAR *text, struct object *query)
{
    query->wanted = TRUE;
    if (!take(&text, L"*")) return FALSE;
    if (take(&text, L"[")) {
        if (!take(&text, L"System[")) return FALSE;
        do {
            BOOL provider = take(&text, L"Provider[");
            if (!provider && !take(&text, L"TimeCreated[")) return FALSE;
            if (!(provider ? take_provider(&text, query) : take_since(&text, query)) || !take(&text, L"]")) return FALSE;
        } while (take(&text, L"and "));
        if (!take(&text, L"]") || !take(&text, L"]")) return FALSE;
    }
    return !*text;
}

/* --- the API ------------------------------------------------------------------------------------------------------ */

EXPORT EVT_HANDLE WINAPI EvtQuery(EVT_HANDLE session, LPCWSTR path, LPCWSTR text, DWORD flags)
{
    struct object *query;
    BOOL after;
    DWORD code = lab_fault(L"EvtQuery", L"", &after);

    if (!code && (session || !(flags & EvtQueryChannelPath))) code = ERROR_CALL_NOT_IMPLEMENTED;
    if (!code && (!path || _wcsicmp(path, CHANNEL))) code = ERROR_EVT_CHANNEL_NOT_FOUND;
    query = make(LOG_QUERY);
    if (!code && !understand(text ? text : L"*", query)) code = ERROR_EVT_INVALID_QUERY;
    if (code) {
        free(query);
        SetLastError(code);
        return NULL;
    }
    query->left = count_events();
    query->backwards = (flags & EvtQueryReverseDirection) != 0;
    query->number = query->backwards ? query->left : 1;
    return query;
}

EXPORT BOOL WINAPI EvtNext(EVT_HANDLE handle, DWORD room, EVT_HANDLE *found, DWORD timeout, DWORD flags, PDWORD count)
{
    struct object *query = handle;
    struct event event;
    BOOL after;
    DWORD code = lab_fault(L"EvtNext", L"", &after);

    (void)timeout;
    (void)flags;
    *count = 0;
    if (code) return fail(code);
    if (!query || query->kind != LOG_QUERY) return fail(ERROR_INVALID_HANDLE);
    for (; query->left && *count < room; query->left--, query->number += query->backwards ? -1 : 1) {
        if (!query->wanted || !read_event(query->number, &event) || event.time < query->since) continue;
        struct object *object = make(LOG_EVENT);
        object->number = query->number;
        found[(*count)++] = object;
    }
    return *count ? TRUE : fail(ERROR_NO_MORE_ITEMS);
}

EXPORT EVT_HANDLE WINAPI EvtCreateRenderContext(DWORD count, LPCWSTR *paths, DWORD flags)
{
    (void)count;
    (void)paths;
    if (flags == EvtRenderContextSystem) return make(SYSTEM_CONTEXT);
    SetLastError(ERROR_CALL_NOT_IMPLEMENTED);
    return NULL;
}

static WCHAR *lay_text(EVT_VARIANT *value, WCHAR *at, const WCHAR *text)
{
    value->Type = EvtVarTypeString;
    value->StringVal = wcscpy(at, text);
    return at + wcslen(text) + 1;
}

/* The values of the context System; those that nothing is known of stay null. */
static BOOL render_system(const struct object *object, const struct event *event, DWORD room, BYTE *out, DWORD *used, DWORD *count)
{
    EVT_VARIANT *values = (EVT_VARIANT *)out;
    WCHAR computer[256] = L"", *at = (WCHAR *)(values + EvtSystemPropertyIdEND);
    DWORD size = ARRAYSIZE(computer);

    GetComputerNameExW(ComputerNameDnsFullyQualified, computer, &size);
    *count = EvtSystemPropertyIdEND;
    *used = (DWORD)(EvtSystemPropertyIdEND * sizeof(*values) + (wcslen(PROVIDER) + wcslen(CHANNEL) + wcslen(computer) + 3) * sizeof(WCHAR));
    if (room < *used) return fail(ERROR_INSUFFICIENT_BUFFER);
    memset(out, 0, *used);
    at = lay_text(&values[EvtSystemProviderName], at, PROVIDER);
    at = lay_text(&values[EvtSystemChannel], at, CHANNEL);
    lay_text(&values[EvtSystemComputer], at, computer);
    values[EvtSystemEventID].Type = EvtVarTypeUInt16;
    values[EvtSystemEventID].UInt16Val = (UINT16)event->id;
    values[EvtSystemLevel].Type = EvtVarTypeByte;
    values[EvtSystemLevel].ByteVal = LEVEL_ERROR;
    values[EvtSystemTimeCreated].Type = EvtVarTypeFileTime;
    values[EvtSystemTimeCreated].FileTimeVal = event->time;
    values[EvtSystemEventRecordId].Type = EvtVarTypeUInt64;
    values[EvtSystemEventRecordId].UInt64Val = object->number;
    return TRUE;
}

EXPORT BOOL WINAPI EvtRender(EVT_HANDLE context, EVT_HANDLE handle, DWORD flags, DWORD room, PVOID out, PDWORD used, PDWORD count)
{
    struct object *object = handle;
    struct event event;
    WCHAR xml[XML_CHARS];

    if (!object || object->kind != LOG_EVENT) return fail(ERROR_INVALID_HANDLE);
    if (!read_event(object->number, &event)) return fail(ERROR_NOT_FOUND);
    if (flags == EvtRenderEventValues && context) return render_system(object, &event, room, out, used, count);
    if (flags != EvtRenderEventXml) return fail(ERROR_CALL_NOT_IMPLEMENTED);
    write_xml(object->number, &event, xml);
    *count = 0;
    *used = (DWORD)((wcslen(xml) + 1) * sizeof(WCHAR));
    if (room < *used) return fail(ERROR_INSUFFICIENT_BUFFER);
    memcpy(out, xml, *used);
    return TRUE;
}

EXPORT BOOL WINAPI EvtClose(EVT_HANDLE handle)
{
    if (!handle) return fail(ERROR_INVALID_HANDLE);
    free(handle);
    return TRUE;
}
