/*
 * Network interfaces by name: what people see ("Ethernet", "Wi-Fi"), the
 * system's own name ("{GUID}"), or the index.
 */
#ifndef SPD_WIN_INTERFACE_H
#define SPD_WIN_INTERFACE_H

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>
#include <iphlpapi.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"

/* The adapters of this host, to be freed with free(); NULL for want of memory
 * or when the system tells nothing. */
IP_ADAPTER_ADDRESSES *spd_interface_list(void);

/* The adapter with that name in the list, or NULL. */
const IP_ADAPTER_ADDRESSES *spd_interface_find(const IP_ADAPTER_ADDRESSES *list, const char *name);

/* Whether the adapter has the address (ports and scopes do not matter). */
bool spd_interface_has(const IP_ADAPTER_ADDRESSES *adapter, const struct spd_addr *addr);

/* Whether this host has the address: one of an adapter, or of 127.0.0.0/8. */
bool spd_interface_is_local(const struct spd_addr *addr);

/* Look one up by name: its index, and whether it has the address. 0 when there
 * is none of that name. */
uint32_t spd_interface_look_up(const char *name, const struct spd_addr *addr, bool *has_addr);

#endif
