/*
 * What a service needs besides its entry with the SCM. Private to win/.
 */
#ifndef SPD_WIN_INSTALL_H
#define SPD_WIN_INSTALL_H

#include <winsock2.h>
#include <windows.h>

#include "common/sys/svcmgr.h"

/* "WHAT: why", unless there is no more room. */
void spd_install_note(struct spd_svcmgr_notes *notes, const char *what, DWORD code);

/* Tell the event log where the texts of our events are. */
void spd_install_event_source(const struct spd_svcmgr_service *service,
                              struct spd_svcmgr_notes *notes);
void spd_install_remove_event_source(const struct spd_svcmgr_service *service,
                                     struct spd_svcmgr_notes *notes);

/* A folder for the data, in which the service may write, administrators may do all, and nobody
 * else anything: whoever could put a configuration there would give orders. */
void spd_install_data_folder(const struct spd_svcmgr_service *service,
                             struct spd_svcmgr_notes *notes);

#endif
