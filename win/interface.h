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

#include <stdint.h>

/* The adapters of this host, to be freed with free(); NULL for want of memory
 * or when the system tells nothing. */
IP_ADAPTER_ADDRESSES *spd_interface_list(void);

/* The adapter with that name in the list, or NULL. */
const IP_ADAPTER_ADDRESSES *spd_interface_find(const IP_ADAPTER_ADDRESSES *list, const char *name);

/* Its index; 0 when there is none of that name. */
uint32_t spd_interface_index(const char *name);

#endif
