/*
 * DSCP marking through qWAVE (qos2.h of the SDK; MinGW's copy does not
 * compile, so the few declarations needed stand here).
 */
#ifndef SPD_WIN_QOS_H
#define SPD_WIN_QOS_H

#include <winsock2.h>
#include <windows.h>

#include <stdbool.h>
#include <stdint.h>

struct spd_qos_version {
    USHORT major;
    USHORT minor;
};

/* The functions of qwave.dll, so that a test can stand in for them. Wine has
 * some that end the process: nothing but create may be called before create
 * succeeded. */
struct spd_qos_api {
    BOOL(WINAPI *create)(struct spd_qos_version *version, HANDLE *handle);
    BOOL(WINAPI *close)(HANDLE handle);
    BOOL(WINAPI *add)
    (HANDLE handle, SOCKET socket, struct sockaddr *destination, int traffic_type, DWORD flags,
     UINT32 *flow_id);
    BOOL(WINAPI *remove)(HANDLE handle, SOCKET socket, UINT32 flow_id, DWORD flags);
    BOOL(WINAPI *set)
    (HANDLE handle, UINT32 flow_id, int operation, ULONG n_bytes, void *value, DWORD flags,
     OVERLAPPED *overlapped);
};

struct spd_qos_flow {
    const struct spd_qos_api *api; /* NULL when there is no flow */
    HANDLE handle;
    UINT32 flow_id;
    SOCKET socket;
};

/* The system's own functions, loaded once; NULL when it lacks any. */
const struct spd_qos_api *spd_qos_system(void);

/* Have everything that the connected socket sends from now on marked with this
 * DSCP (0..63). On failure *flow is untouched, nothing is left behind, and
 * *os_code says why. */
bool spd_qos_mark(const struct spd_qos_api *api, SOCKET socket, uint8_t dscp,
                  struct spd_qos_flow *flow, uint32_t *os_code);

/* End the flow, before its socket is closed. No flow is allowed. */
void spd_qos_end(struct spd_qos_flow *flow);

#endif
