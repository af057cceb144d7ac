/*
 * Passes everything through to the system's own VFS, and keeps a copy of each
 * file as of its last sync.
 */
#include "tests/unit/store_vfs.h"

#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/unit/unit.h"

#define IMAGES_MAX 16

struct image {
    char *path; /* NULL: unused */
    uint8_t *bytes;
    size_t n;
};

struct file {
    sqlite3_file base;
    char *path;
    sqlite3_file *real; /* behind this struct */
};

struct store_vfs store_vfs;
static struct image images[IMAGES_MAX];
static sqlite3_vfs *system_vfs;
static sqlite3_vfs vfs;

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct file *)(void *)f)->real;
}

static struct image *image_of(const char *path, int make)
{
    for (size_t i = 0; i < IMAGES_MAX; i++)
        if (images[i].path && strcmp(images[i].path, path) == 0)
            return &images[i];
    for (size_t i = 0; make && i < IMAGES_MAX; i++)
        if (!images[i].path) {
            images[i].path = exact_copy(path, strlen(path) + 1);
            return &images[i];
        }
    if (make)
        fail_msg("more files than the test thought of");
    return NULL;
}

static void forget(struct image *image)
{
    free(image->path);
    free(image->bytes);
    *image = (struct image){ NULL, NULL, 0 };
}

/* Whether the change that comes now is to fail. */
static int fails(void)
{
    store_vfs.n_changes++;
    return store_vfs.fail_at && (store_vfs.n_changes == store_vfs.fail_at ||
                                 (store_vfs.lasts && store_vfs.n_changes > store_vfs.fail_at));
}

static int x_close(sqlite3_file *f)
{
    int rc = real_of(f)->pMethods ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;

    free(((struct file *)(void *)f)->path);
    return rc;
}

static int x_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int x_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    return fails() ? store_vfs.fail_rc : real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
}

static int x_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), n);
}

static int x_sync(sqlite3_file *f, int flags)
{
    struct file *file = (struct file *)(void *)f;
    sqlite3_int64 n = 0;
    int rc = fails() ? store_vfs.fail_rc : file->real->pMethods->xSync(file->real, flags);

    store_vfs.n_syncs++;
    if (rc == SQLITE_OK && file->path) {
        struct image *image = image_of(file->path, 1);

        rc = file->real->pMethods->xFileSize(file->real, &n);
        free(image->bytes);
        image->n = (size_t)n;
        image->bytes = malloc(image->n + 1);
        assert_non_null(image->bytes);
        if (rc == SQLITE_OK && n > 0)
            rc = file->real->pMethods->xRead(file->real, image->bytes, (int)n, 0);
    }
    return rc;
}

static int x_file_size(sqlite3_file *f, sqlite3_int64 *out)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), out);
}

static int x_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int x_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int x_check_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int x_control(sqlite3_file *f, int what, void *argument)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), what, argument);
}

static int x_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

/* Nothing is promised, least of all that it writes safely beyond a sector. */
static int x_characteristics(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int x_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void x_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int x_shm_unmap(sqlite3_file *f, int remove_it)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), remove_it);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = x_close,
    .xRead = x_read,
    .xWrite = x_write,
    .xTruncate = x_truncate,
    .xSync = x_sync,
    .xFileSize = x_file_size,
    .xLock = x_lock,
    .xUnlock = x_unlock,
    .xCheckReservedLock = x_check_reserved,
    .xFileControl = x_control,
    .xSectorSize = x_sector,
    .xDeviceCharacteristics = x_characteristics,
    .xShmMap = x_shm_map,
    .xShmLock = x_shm_lock,
    .xShmBarrier = x_shm_barrier,
    .xShmUnmap = x_shm_unmap,
};

static int x_open(sqlite3_vfs *self, sqlite3_filename path, sqlite3_file *f, int flags, int *out)
{
    struct file *file = (struct file *)(void *)f;
    int rc;

    (void)self;
    *file = (struct file){ { NULL }, NULL, (sqlite3_file *)(void *)(file + 1) };
    rc = system_vfs->xOpen(system_vfs, path, file->real, flags, out);
    if (rc != SQLITE_OK)
        return rc;
    file->base.pMethods = &methods;
    if (path)
        file->path = exact_copy(path, strlen(path) + 1);
    return SQLITE_OK;
}

static int x_delete(sqlite3_vfs *self, const char *path, int sync_folder)
{
    struct image *image = image_of(path, 0);

    (void)self;
    if (image && sync_folder)
        forget(image);
    return system_vfs->xDelete(system_vfs, path, sync_folder);
}

void store_vfs_install(void)
{
    system_vfs = sqlite3_vfs_find(NULL);
    assert_non_null(system_vfs);
    vfs = *system_vfs;
    vfs.zName = "unplugged";
    vfs.szOsFile = (int)sizeof(struct file) + system_vfs->szOsFile;
    vfs.pNext = NULL;
    vfs.xOpen = x_open;
    vfs.xDelete = x_delete;
    store_vfs = (struct store_vfs){ 0 };
    assert_int_equal(sqlite3_vfs_register(&vfs, 1), SQLITE_OK);
}

void store_vfs_remove(void)
{
    sqlite3_vfs_unregister(&vfs);
    sqlite3_vfs_register(system_vfs, 1);
    for (size_t i = 0; i < IMAGES_MAX; i++)
        forget(&images[i]);
}

/* The names of images are whole ones: what they end with is compared. */
void store_vfs_power_cut(const char *prefix, const char *to)
{
    static const char *const parts[] = { "", "-journal", "-wal" };

    for (size_t k = 0; k < 3; k++) {
        char name[300], target[300];

        snprintf(name, sizeof(name), "%s%s", prefix, parts[k]);
        snprintf(target, sizeof(target), "%s%s", to, parts[k]);
        remove(target);
        for (size_t i = 0; i < IMAGES_MAX; i++) {
            size_t n = images[i].path ? strlen(images[i].path) : 0;

            if (n < strlen(name) || strcmp(images[i].path + n - strlen(name), name) != 0)
                continue;
            FILE *file = fopen(target, "wb");
            assert_non_null(file);
            assert_int_equal(fwrite(images[i].bytes, 1, images[i].n, file), images[i].n);
            assert_int_equal(fclose(file), 0);
        }
    }
}
