/* Copyright (c) 2026 The rras.sstp authors
 * GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A double of iphlpapi.dll: the network adapters of a host, whatever the machine has that it runs on. .NET's
 * NetworkInterface asks nobody else. With IPv6Unbound (the checkbox of an adapter) the loopback keeps its ::1, as on
 * Windows.
 *
 * The other functions of this double are Wine's own, by forwards to its file, which has another name in a host
 * (iphlpapi.def, prefix.py): in Wine 8 it has no part outside of Windows, so it loads under any name. It must be there:
 * .NET waits for ever where GetNetworkParams cannot be found. Only the engine gets the double, by an override for
 * pwsh.exe; services, the agent and Wine's own programs keep Wine's. */
#include "lab.h"
#include <iphlpapi.h>

#define LAB_NETWORK LAB_ROOT L"\\Network"
#define MAC_BYTES 6

static const struct adapter {
    const WCHAR *name;
    const char *id;
    DWORD index, type, prefix4, prefix6;
    const WCHAR *ipv4, *ipv6;
    BYTE mac[MAC_BYTES];
} adapters[] = {
    {L"Loopback Pseudo-Interface 1", "{6C616200-0000-4000-8000-000000000001}", 1, IF_TYPE_SOFTWARE_LOOPBACK, 8, 128,
     L"127.0.0.1", L"::1", {0}},
    {L"Ethernet", "{6C616200-0000-4000-8000-000000000012}", 12, IF_TYPE_ETHERNET_CSMACD, 24, 64,
     L"192.0.2.10", L"2001:db8::10", {0x02, 0, 0, 0, 0, 0x12}},
    {L"Internet", "{6C616200-0000-4000-8000-000000000013}", 13, IF_TYPE_ETHERNET_CSMACD, 24, 64,
     L"203.0.113.5", L"2001:db8:1::5", {0x02, 0, 0, 0, 0, 0x13}},
};

/* One adapter with all that it points to: a block that can be laid into the caller's buffer as it is. */
struct block {
    IP_ADAPTER_ADDRESSES adapter;
    IP_ADAPTER_UNICAST_ADDRESS unicast[2];
    SOCKADDR_STORAGE address[2];
    WCHAR name[64], nothing[1];
    char id[64];
};

static void add_address(struct block *block, const WCHAR *text, DWORD prefix)
{
    PIP_ADAPTER_UNICAST_ADDRESS *end = &block->adapter.FirstUnicastAddress;
    int n = 0;
    WCHAR endpoint[64];

    for (; *end; end = &(*end)->Next) n++;
    _snwprintf(endpoint, ARRAYSIZE(endpoint), wcschr(text, ':') ? L"[%ls]:0" : L"%ls:0", text);
    lab_address(endpoint, &block->address[n]);
    block->unicast[n].Length = sizeof(block->unicast[n]);
    block->unicast[n].Address.lpSockaddr = (SOCKADDR *)&block->address[n];
    block->unicast[n].Address.iSockaddrLength = (INT)lab_address_size((SOCKADDR *)&block->address[n]);
    block->unicast[n].PrefixOrigin = IpPrefixOriginManual;
    block->unicast[n].SuffixOrigin = IpSuffixOriginManual;
    block->unicast[n].DadState = IpDadStatePreferred;
    block->unicast[n].ValidLifetime = block->unicast[n].PreferredLifetime = ~0u;
    block->unicast[n].OnLinkPrefixLength = (UINT8)prefix;
    *end = &block->unicast[n];
}

static void fill(struct block *block, const struct adapter *from, ULONG family)
{
    IP_ADAPTER_ADDRESSES *adapter = &block->adapter;
    BOOL loopback = from->type == IF_TYPE_SOFTWARE_LOOPBACK;
    BOOL ipv6 = loopback || !lab_dword(LAB_NETWORK, L"IPv6Unbound", 0);

    memset(block, 0, sizeof(*block));
    wcscpy(block->name, from->name);
    strcpy(block->id, from->id);
    adapter->Length = sizeof(*adapter);
    adapter->IfIndex = from->index;
    adapter->Ipv6IfIndex = ipv6 ? from->index : 0;
    adapter->AdapterName = block->id;
    adapter->FriendlyName = adapter->Description = block->name;
    adapter->DnsSuffix = block->nothing;
    adapter->IfType = from->type;
    adapter->OperStatus = IfOperStatusUp;
    adapter->Mtu = 1500;
    adapter->TransmitLinkSpeed = adapter->ReceiveLinkSpeed = 1000000000;
    adapter->Ipv4Enabled = TRUE;
    adapter->Ipv6Enabled = ipv6;
    adapter->PhysicalAddressLength = loopback ? 0 : MAC_BYTES;
    memcpy(adapter->PhysicalAddress, from->mac, MAC_BYTES);
    if (family != AF_INET6) add_address(block, from->ipv4, from->prefix4);
    if (family != AF_INET && ipv6) add_address(block, from->ipv6, from->prefix6);
}

ULONG WINAPI GetAdaptersAddresses(ULONG family, ULONG flags, PVOID reserved, PIP_ADAPTER_ADDRESSES out, PULONG size)
{
    struct block *block = (struct block *)out;
    ULONG room;

    (void)flags;
    if (reserved || !size || (family != AF_UNSPEC && family != AF_INET && family != AF_INET6))
        return ERROR_INVALID_PARAMETER;
    room = *size;
    *size = sizeof(*block) * ARRAYSIZE(adapters);
    if (!out || room < *size) return ERROR_BUFFER_OVERFLOW;
    for (size_t i = 0; i < ARRAYSIZE(adapters); i++) {
        fill(&block[i], &adapters[i], family);
        if (i) block[i - 1].adapter.Next = &block[i].adapter;
    }
    return 0;
}

/* .NET asks this of each adapter before it tells anything; Wine's would not know these indexes. */
DWORD WINAPI GetPerAdapterInfo(ULONG index, PIP_PER_ADAPTER_INFO out, PULONG size)
{
    ULONG room;

    (void)index;
    if (!size) return ERROR_INVALID_PARAMETER;
    room = *size;
    *size = sizeof(*out);
    if (!out || room < *size) return ERROR_BUFFER_OVERFLOW;
    memset(out, 0, sizeof(*out));
    return 0;
}
