/*
 * A disk for SQLite that can be pulled the plug of: it remembers which bytes of
 * each file were synced, counts what changes files, and fails where it is told.
 * It stands before the system's own one, and becomes the default. One thread.
 */
#ifndef SPD_TESTS_UNIT_STORE_VFS_H
#define SPD_TESTS_UNIT_STORE_VFS_H

struct store_vfs {
    int n_changes; /* writes, syncs and truncations so far */
    int fail_at;   /* fail the one of this number, and, if it lasts, all after it; 0: none */
    int lasts;
    int fail_rc; /* SQLITE_FULL, SQLITE_IOERR_FSYNC ... */
    int n_syncs;
};

extern struct store_vfs store_vfs;

void store_vfs_install(void);
void store_vfs_remove(void);

/* The files as a power cut now would leave them: what was synced, and nothing
 * else. Those whose names begin with prefix, written again with to instead. */
void store_vfs_power_cut(const char *prefix, const char *to);

#endif
