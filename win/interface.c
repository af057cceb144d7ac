/*
 * Network interfaces by name. Any thread; allocates, for set-up only.
 */
#include "win/interface.h"

#include <stdlib.h>
#include <string.h>

#include "win/sockaddr.h"

#define LIST_BYTES_FIRST 16384
#define LIST_ATTEMPTS    5

IP_ADAPTER_ADDRESSES *spd_interface_list(void)
{
    ULONG flags = GAA_FLAG_SKIP_ANYCAST | GAA_FLAG_SKIP_MULTICAST | GAA_FLAG_SKIP_DNS_SERVER;
    ULONG n_bytes = LIST_BYTES_FIRST;

    /* Adapters may come and go between the calls. */
    for (int i = 0; i < LIST_ATTEMPTS; i++) {
        IP_ADAPTER_ADDRESSES *list = malloc(n_bytes);
        ULONG code;

        if (list == NULL)
            return NULL;
        code = GetAdaptersAddresses(AF_UNSPEC, flags, NULL, list, &n_bytes);
        if (code == ERROR_SUCCESS)
            return list;
        free(list);
        if (code != ERROR_BUFFER_OVERFLOW)
            return NULL;
    }
    return NULL;
}

const IP_ADAPTER_ADDRESSES *spd_interface_find(const IP_ADAPTER_ADDRESSES *list, const char *name)
{
    char *end;
    unsigned long index = strtoul(name, &end, 10);
    wchar_t wide[256];

    if (end == name || *end != '\0')
        index = 0;
    if (MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, name, -1, wide, 256) == 0)
        return NULL;
    for (const IP_ADAPTER_ADDRESSES *a = list; a != NULL; a = a->Next)
        if (_wcsicmp(a->FriendlyName, wide) == 0 || _stricmp(a->AdapterName, name) == 0)
            return a;
    for (const IP_ADAPTER_ADDRESSES *a = list; index != 0 && a != NULL; a = a->Next)
        if (a->IfIndex == index || a->Ipv6IfIndex == index)
            return a;
    return NULL;
}

bool spd_interface_has(const IP_ADAPTER_ADDRESSES *adapter, const struct spd_addr *addr)
{
    for (const IP_ADAPTER_UNICAST_ADDRESS *u = adapter->FirstUnicastAddress; u != NULL;
         u = u->Next) {
        SOCKADDR_INET address = { 0 };
        struct spd_addr own;

        if (u->Address.iSockaddrLength > (INT)sizeof address)
            continue;
        memcpy(&address, u->Address.lpSockaddr, (size_t)u->Address.iSockaddrLength);
        spd_sockaddr_to(&address, &own);
        own.scope_id = addr->scope_id;
        if (spd_addr_equal_host(&own, addr))
            return true;
    }
    return false;
}

bool spd_interface_is_local(const struct spd_addr *addr)
{
    IP_ADAPTER_ADDRESSES *list;
    bool found = false;

    if (spd_addr_is_loopback(addr))
        return true;
    list = spd_interface_list();
    for (const IP_ADAPTER_ADDRESSES *a = list; a != NULL && !found; a = a->Next)
        found = spd_interface_has(a, addr);
    free(list);
    return found;
}

uint32_t spd_interface_look_up(const char *name, const struct spd_addr *addr, bool *has_addr)
{
    IP_ADAPTER_ADDRESSES *list = spd_interface_list();
    const IP_ADAPTER_ADDRESSES *found = list != NULL ? spd_interface_find(list, name) : NULL;
    uint32_t index = 0;

    *has_addr = false;
    if (found != NULL) {
        index = found->IfIndex != 0 ? found->IfIndex : found->Ipv6IfIndex;
        *has_addr = spd_interface_has(found, addr);
    }
    free(list);
    return index;
}
