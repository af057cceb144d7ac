/*
 * DSCP marking through qWAVE. Windows ignores IP_TOS (it returns success and
 * marks nothing), so a flow with an outgoing DSCP value is the only way for a
 * program; it takes the rights of an administrator or network operator. Runs
 * where sockets are opened and closed, never on the hot path: the calls talk
 * to a service.
 */
#include "win/qos.h"

/* QOS_TRAFFIC_TYPE, QOS_SET_FLOW and the flow flags, as documented for qos2.h. */
#define TRAFFIC_TYPE_BEST_EFFORT 0
#define SET_OUTGOING_DSCP_VALUE  2
#define FLOW_FLAG_NON_ADAPTIVE   2u
#define DSCP_MOST                63

static struct spd_qos_api system_api;
static bool system_has_api;

static BOOL CALLBACK load(INIT_ONCE *once, void *parameter, void **context)
{
    HMODULE dll = LoadLibraryExW(L"qwave.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);

    (void)once;
    (void)parameter;
    (void)context;
    if (dll == NULL)
        return TRUE;
    system_api.create = (void *)GetProcAddress(dll, "QOSCreateHandle");
    system_api.close = (void *)GetProcAddress(dll, "QOSCloseHandle");
    system_api.add = (void *)GetProcAddress(dll, "QOSAddSocketToFlow");
    system_api.remove = (void *)GetProcAddress(dll, "QOSRemoveSocketFromFlow");
    system_api.set = (void *)GetProcAddress(dll, "QOSSetFlow");
    system_has_api = system_api.create != NULL && system_api.close != NULL &&
                     system_api.add != NULL && system_api.remove != NULL && system_api.set != NULL;
    /* The library stays: its flows live as long as the process. */
    return TRUE;
}

const struct spd_qos_api *spd_qos_system(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    InitOnceExecuteOnce(&once, load, NULL, NULL);
    return system_has_api ? &system_api : NULL;
}

bool spd_qos_mark(const struct spd_qos_api *api, SOCKET socket, uint8_t dscp,
                  struct spd_qos_flow *flow, uint32_t *os_code)
{
    struct spd_qos_version version = { 1, 0 };
    struct spd_qos_flow made = { api, NULL, 0, socket };
    DWORD value = dscp;

    if (dscp > DSCP_MOST) {
        *os_code = ERROR_INVALID_PARAMETER;
        return false;
    }
    if (!api->create(&version, &made.handle)) {
        *os_code = GetLastError();
        return false;
    }
    /* No destination: the socket is connected. Not adaptive: qWAVE must not
     * send probes of its own into a path that is being measured. */
    if (!api->add(made.handle, socket, NULL, TRAFFIC_TYPE_BEST_EFFORT, FLOW_FLAG_NON_ADAPTIVE,
                  &made.flow_id)) {
        *os_code = GetLastError();
        goto fail_add;
    }
    if (!api->set(made.handle, made.flow_id, SET_OUTGOING_DSCP_VALUE, sizeof value, &value, 0,
                  NULL)) {
        *os_code = GetLastError();
        goto fail_set;
    }
    *flow = made;
    return true;

fail_set:
    api->remove(made.handle, socket, made.flow_id, 0);
fail_add:
    api->close(made.handle);
    return false;
}

void spd_qos_end(struct spd_qos_flow *flow)
{
    if (flow->api == NULL)
        return;
    flow->api->remove(flow->handle, flow->socket, flow->flow_id, 0);
    flow->api->close(flow->handle);
    flow->api = NULL;
}
