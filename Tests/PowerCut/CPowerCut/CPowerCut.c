#define _GNU_SOURCE
#include "CPowerCut.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTOR = 512 };

/// A write, or with `bytes` NULL a new size, that is not durable.
typedef struct operation {
  struct operation *next;
  uint64_t offset;
  size_t count;
  unsigned char *bytes;
} operation;

typedef struct image {
  unsigned char *bytes;
  size_t size;
} image;

/// The contents of one file, under whatever name.
typedef struct contents {
  struct contents *next;
  dev_t device;
  ino_t number;
  image durable;
  operation *pending, **end;
} contents;

typedef struct entry {
  struct entry *next;
  char *path;
  /// What stands under this name on the disk, and what does for programs; NULL: nothing.
  contents *durable, *current;
} entry;

typedef struct scenario {
  struct scenario *next;
  char *folder;
  uint64_t operations, cut, random;
  int is_cut;
  entry *entries;
  contents *contents;
} scenario;

typedef struct file {
  sqlite3_file base;
  scenario *scenario;
  contents *contents;
  const char *path;
  /// The next xSync also makes the names in the folder durable.
  int synchronizes_folder;
  sqlite3_file *real;
} file;

/// One lock for everything. A scenario leaves this list when it ends, and is never freed, as
/// connections may outlive it.
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static scenario *scenarios;
static sqlite3_vfs *real_vfs;
static sqlite3_vfs layer;

// MARK: What is durable

/// SplitMix64.
static uint64_t next_random(scenario *s) {
  uint64_t word = s->random += 0x9e3779b97f4a7c15;
  word = (word ^ (word >> 30)) * 0xbf58476d1ce4e5b9;
  word = (word ^ (word >> 27)) * 0x94d049bb133111eb;
  return word ^ (word >> 31);
}

static void *need(void *memory) {
  if (memory == NULL) abort();
  return memory;
}

/// Gives an image a size. A disk may show anything where nothing was written.
static void resize(image *i, size_t size, scenario *garbage) {
  if (size > i->size) {
    i->bytes = need(realloc(i->bytes, size));
    for (size_t at = i->size; at < size; at++)
      i->bytes[at] = garbage ? (unsigned char)next_random(garbage) : 0;
  }
  i->size = size;
}

static void put(image *i, uint64_t offset, const unsigned char *bytes, size_t count,
                scenario *garbage) {
  if (count == 0) return;
  if (offset + count > i->size) resize(i, (size_t)offset + count, garbage);
  memcpy(i->bytes + offset, bytes, count);
}

static void apply(image *i, const operation *o) {
  if (o->bytes == NULL) resize(i, (size_t)o->offset, NULL);
  else put(i, o->offset, o->bytes, o->count, NULL);
}

static void drop_pending(contents *c) {
  while (c->pending != NULL) {
    operation *o = c->pending;
    c->pending = o->next;
    free(o->bytes);
    free(o);
  }
  c->end = &c->pending;
}

static void synchronize(contents *c) {
  for (operation *o = c->pending; o != NULL; o = o->next) apply(&c->durable, o);
  drop_pending(c);
}

static void append(contents *c, uint64_t offset, const void *bytes, size_t count) {
  operation *o = need(calloc(1, sizeof *o));
  o->offset = offset;
  o->count = count;
  if (bytes != NULL) {
    o->bytes = need(malloc(count + 1));
    memcpy(o->bytes, bytes, count);
  }
  *c->end = o;
  c->end = &o->next;
}

static size_t folder_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? 0 : (size_t)(slash - path);
}

static void synchronize_folder(scenario *s, const char *path) {
  size_t length = folder_length(path);
  for (entry *e = s->entries; e != NULL; e = e->next)
    if (folder_length(e->path) == length && memcmp(e->path, path, length) == 0)
      e->durable = e->current;
}

// MARK: Names

static scenario *scenario_of(const char *path) {
  if (path == NULL) return NULL;
  for (scenario *s = scenarios; s != NULL; s = s->next) {
    size_t length = strlen(s->folder);
    if (strncmp(path, s->folder, length) == 0 && path[length] == '/') return s;
  }
  return NULL;
}

static entry *entry_of(scenario *s, const char *path) {
  for (entry *e = s->entries; e != NULL; e = e->next)
    if (strcmp(e->path, path) == 0) return e;
  entry *e = need(calloc(1, sizeof *e));
  e->path = need(strdup(path));
  e->next = s->entries;
  return s->entries = e;
}

static contents *new_contents(scenario *s, const struct stat *status) {
  contents *c = need(calloc(1, sizeof *c));
  c->end = &c->pending;
  c->device = status->st_dev;
  c->number = status->st_ino;
  c->next = s->contents;
  return s->contents = c;
}

/// A file that was made by other means is durable, and one that was removed is gone.
static void look(scenario *s, entry *e) {
  struct stat status;
  if (stat(e->path, &status) != 0) {
    // Removed by SQLite, it may still be on the disk.
    if (e->current != NULL) e->durable = e->current = NULL;
    return;
  }
  if (e->current != NULL && e->current->device == status.st_dev
      && e->current->number == status.st_ino)
    return;
  contents *c = new_contents(s, &status);
  int descriptor = open(e->path, O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) abort();
  resize(&c->durable, (size_t)status.st_size, NULL);
  for (size_t done = 0; done < c->durable.size;) {
    ssize_t count = read(descriptor, c->durable.bytes + done, c->durable.size - done);
    if (count <= 0) abort();
    done += (size_t)count;
  }
  // No connection of this process has the file yet, whose locks this would release.
  close(descriptor);
  e->durable = e->current = c;
}

// MARK: The cut

/// What the disk holds of a file.
static image image_after_cut(scenario *s, const contents *c, int mode) {
  image i = {NULL, 0};
  put(&i, 0, c->durable.bytes, c->durable.size, NULL);
  if (mode == 0) return i;
  scenario *garbage = next_random(s) & 1 ? s : NULL;
  size_t count = 0;
  for (operation *o = c->pending; o != NULL; o = o->next) count++;
  size_t whole = mode == 2 ? (size_t)(next_random(s) % (count + 1)) : count;
  size_t number = 0;
  for (operation *o = c->pending; o != NULL; o = o->next, number++) {
    if (mode == 1 || (mode == 2 && number < whole)) {
      apply(&i, o);
      continue;
    }
    if (mode == 2 && number > whole) break;
    if (o->bytes == NULL) {
      if (next_random(s) & 1) resize(&i, (size_t)o->offset, garbage);
      continue;
    }
    uint64_t torn = o->offset + next_random(s) % (o->count + 1);
    for (uint64_t at = o->offset; at < o->offset + o->count;) {
      uint64_t end = (at / SECTOR + 1) * SECTOR;
      if (end > o->offset + o->count) end = o->offset + o->count;
      int reaches = mode == 2 ? end <= torn : (int)(next_random(s) & 1);
      if (reaches) put(&i, at, o->bytes + (at - o->offset), (size_t)(end - at), garbage);
      // The size may be on the disk before the bytes are.
      else if (end > i.size && (next_random(s) & 1)) resize(&i, (size_t)end, garbage);
      at = end;
    }
  }
  return i;
}

static void cut(scenario *s) {
  if (s->is_cut) return;
  s->is_cut = 1;
  int mode = (int)(next_random(s) % 4);
  for (entry *e = s->entries; e != NULL; e = e->next) {
    if (e->current != NULL || e->durable == NULL) look(s, e);
    if (e->current == NULL && e->durable == NULL) continue;
    int is_new = mode == 1 || (mode != 0 && (next_random(s) & 1));
    contents *c = is_new ? e->current : e->durable;
    if (c == NULL) {
      unlink(e->path);
      continue;
    }
    image i = image_after_cut(s, c, mode);
    int descriptor = open(e->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (descriptor < 0) abort();
    for (size_t done = 0; done < i.size;) {
      ssize_t count = write(descriptor, i.bytes + done, i.size - done);
      if (count <= 0) abort();
      done += (size_t)count;
    }
    close(descriptor);
    free(i.bytes);
  }
}

/// Counts an operation, and tells whether the power goes in it.
static int is_last(scenario *s) { return ++s->operations == s->cut; }

// MARK: Methods of files

#define REAL(f) (((file *)(f))->real)
#define IS_CUT(f) (((file *)(f))->scenario->is_cut)

static int powerless(sqlite3_file *f) {
  pthread_mutex_lock(&lock);
  int is_cut = IS_CUT(f);
  pthread_mutex_unlock(&lock);
  return is_cut;
}

static int close_file(sqlite3_file *f) { return REAL(f)->pMethods->xClose(REAL(f)); }

static int read_file(sqlite3_file *f, void *bytes, int count, sqlite3_int64 offset) {
  if (powerless(f)) return SQLITE_IOERR;
  return REAL(f)->pMethods->xRead(REAL(f), bytes, count, offset);
}

static int write_file(sqlite3_file *f, const void *bytes, int count, sqlite3_int64 offset) {
  file *it = (file *)f;
  pthread_mutex_lock(&lock);
  int result = SQLITE_IOERR;
  if (!IS_CUT(f)) {
    int last = is_last(it->scenario);
    result = last ? SQLITE_IOERR : REAL(f)->pMethods->xWrite(REAL(f), bytes, count, offset);
    if (last || result == SQLITE_OK)
      append(it->contents, (uint64_t)offset, bytes, (size_t)count);
    if (last) cut(it->scenario);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int truncate_file(sqlite3_file *f, sqlite3_int64 size) {
  file *it = (file *)f;
  pthread_mutex_lock(&lock);
  int result = SQLITE_IOERR;
  if (!IS_CUT(f)) {
    int last = is_last(it->scenario);
    result = last ? SQLITE_IOERR : REAL(f)->pMethods->xTruncate(REAL(f), size);
    if (last || result == SQLITE_OK) append(it->contents, (uint64_t)size, NULL, 0);
    if (last) cut(it->scenario);
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int synchronize_file(sqlite3_file *f, int flags) {
  file *it = (file *)f;
  (void)flags;
  pthread_mutex_lock(&lock);
  int result = SQLITE_IOERR;
  if (!IS_CUT(f)) {
    if (is_last(it->scenario)) {
      cut(it->scenario);
    } else {
      synchronize(it->contents);
      if (it->synchronizes_folder) synchronize_folder(it->scenario, it->path);
      it->synchronizes_folder = 0;
      result = SQLITE_OK;
    }
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size) {
  if (powerless(f)) return SQLITE_IOERR;
  return REAL(f)->pMethods->xFileSize(REAL(f), size);
}

static int lock_file(sqlite3_file *f, int level) {
  if (powerless(f)) return SQLITE_IOERR;
  return REAL(f)->pMethods->xLock(REAL(f), level);
}

static int unlock_file(sqlite3_file *f, int level) {
  return REAL(f)->pMethods->xUnlock(REAL(f), level);
}

static int check_reserved_lock(sqlite3_file *f, int *result) {
  if (powerless(f)) return SQLITE_IOERR;
  return REAL(f)->pMethods->xCheckReservedLock(REAL(f), result);
}

static int file_control(sqlite3_file *f, int operation, void *argument) {
  // The size would change without our knowledge.
  if (operation == SQLITE_FCNTL_CHUNK_SIZE || operation == SQLITE_FCNTL_SIZE_HINT)
    return SQLITE_NOTFOUND;
  return REAL(f)->pMethods->xFileControl(REAL(f), operation, argument);
}

static int sector_size(sqlite3_file *f) { return REAL(f)->pMethods->xSectorSize(REAL(f)); }

static int device_characteristics(sqlite3_file *f) {
  // No atomic writes, and the folder must be synchronized.
  return REAL(f)->pMethods->xDeviceCharacteristics(REAL(f)) & SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static int map_shared(sqlite3_file *f, int page, int size, int extends, void volatile **memory) {
  if (powerless(f)) return SQLITE_IOERR;
  return REAL(f)->pMethods->xShmMap(REAL(f), page, size, extends, memory);
}

static int lock_shared(sqlite3_file *f, int offset, int count, int flags) {
  if ((flags & SQLITE_SHM_LOCK) && powerless(f)) return SQLITE_IOERR;
  return REAL(f)->pMethods->xShmLock(REAL(f), offset, count, flags);
}

static void barrier(sqlite3_file *f) { REAL(f)->pMethods->xShmBarrier(REAL(f)); }

static int unmap_shared(sqlite3_file *f, int deletes) {
  return REAL(f)->pMethods->xShmUnmap(REAL(f), deletes);
}

/// Version 2: without xFetch, by which SQLite would write behind our back.
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = synchronize_file,
    .xFileSize = file_size,
    .xLock = lock_file,
    .xUnlock = unlock_file,
    .xCheckReservedLock = check_reserved_lock,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
    .xShmMap = map_shared,
    .xShmLock = lock_shared,
    .xShmBarrier = barrier,
    .xShmUnmap = unmap_shared,
};

// MARK: Methods of the layer

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *f, int flags,
                     int *flags_found) {
  (void)vfs;
  pthread_mutex_lock(&lock);
  scenario *s = scenario_of(path);
  if (s == NULL) {
    // The room of our file is enough for one of the system's.
    pthread_mutex_unlock(&lock);
    return real_vfs->xOpen(real_vfs, path, f, flags, flags_found);
  }
  file *it = (file *)f;
  memset(it, 0, sizeof *it);
  int result = SQLITE_CANTOPEN;
  if (!s->is_cut) {
    entry *e = entry_of(s, path);
    look(s, e);
    if (e->current == NULL && (flags & SQLITE_OPEN_CREATE) && is_last(s)) {
      cut(s);
    } else {
      it->real = (sqlite3_file *)(it + 1);
      result = real_vfs->xOpen(real_vfs, path, it->real, flags, flags_found);
      struct stat status;
      if (result == SQLITE_OK && e->current == NULL && stat(path, &status) == 0)
        e->current = new_contents(s, &status);
      it->scenario = s;
      it->contents = e->current;
      it->path = e->path;
      // As SQLite's own layer has it.
      it->synchronizes_folder =
          (flags & SQLITE_OPEN_CREATE)
          && (flags & (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL));
      if (result == SQLITE_OK) it->base.pMethods = &methods;
    }
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int delete_file(sqlite3_vfs *vfs, const char *path, int synchronizes) {
  (void)vfs;
  pthread_mutex_lock(&lock);
  scenario *s = scenario_of(path);
  int result = SQLITE_IOERR;
  if (s == NULL) {
    result = real_vfs->xDelete(real_vfs, path, synchronizes);
  } else if (!s->is_cut) {
    entry *e = entry_of(s, path);
    look(s, e);
    result = real_vfs->xDelete(real_vfs, path, 0);
    if (result == SQLITE_OK) {
      e->current = NULL;
      if (is_last(s)) {
        cut(s);
        result = SQLITE_IOERR;
      } else if (synchronizes) {
        synchronize_folder(s, path);
      }
    }
  }
  pthread_mutex_unlock(&lock);
  return result;
}

static int access_file(sqlite3_vfs *vfs, const char *path, int flags, int *result) {
  (void)vfs;
  pthread_mutex_lock(&lock);
  scenario *s = scenario_of(path);
  int is_cut = s != NULL && s->is_cut;
  pthread_mutex_unlock(&lock);
  return is_cut ? SQLITE_IOERR : real_vfs->xAccess(real_vfs, path, flags, result);
}

// MARK: Scenarios

static int install(void) {
  if (real_vfs != NULL) return 0;
  sqlite3_vfs *found = sqlite3_vfs_find(NULL);
  if (found == NULL) return -1;
  layer = *found;
  layer.pNext = NULL;
  layer.zName = "powercut";
  layer.szOsFile = (int)sizeof(file) + found->szOsFile;
  layer.xOpen = open_file;
  layer.xDelete = delete_file;
  layer.xAccess = access_file;
  real_vfs = found;
  return sqlite3_vfs_register(&layer, 1) == SQLITE_OK ? 0 : -1;
}

int powercut_begin(const char *folder, uint64_t cut_at, uint64_t seed) {
  pthread_mutex_lock(&lock);
  int result = install();
  scenario *s = result == 0 ? calloc(1, sizeof *s) : NULL;
  char *name = s != NULL ? strdup(folder) : NULL;
  if (name != NULL) {
    s->folder = name;
    s->cut = cut_at;
    s->random = seed;
    s->next = scenarios;
    scenarios = s;
  }
  pthread_mutex_unlock(&lock);
  return name != NULL ? 0 : -1;
}

static scenario *named(const char *folder) {
  for (scenario *s = scenarios; s != NULL; s = s->next)
    if (strcmp(s->folder, folder) == 0) return s;
  return NULL;
}

uint64_t powercut_operations(const char *folder) {
  pthread_mutex_lock(&lock);
  scenario *s = named(folder);
  uint64_t operations = s != NULL ? s->operations : 0;
  pthread_mutex_unlock(&lock);
  return operations;
}

int powercut_is_cut(const char *folder) {
  pthread_mutex_lock(&lock);
  scenario *s = named(folder);
  int is_cut = s != NULL && s->is_cut;
  pthread_mutex_unlock(&lock);
  return is_cut;
}

void powercut_now(const char *folder) {
  pthread_mutex_lock(&lock);
  scenario *s = named(folder);
  if (s != NULL) cut(s);
  pthread_mutex_unlock(&lock);
}

void powercut_end(const char *folder) {
  pthread_mutex_lock(&lock);
  scenario *s = named(folder);
  if (s != NULL) {
    scenario **link = &scenarios;
    while (*link != s) link = &(*link)->next;
    *link = s->next;
    for (contents *c = s->contents; c != NULL; c = c->next) {
      drop_pending(c);
      free(c->durable.bytes);
      c->durable.bytes = NULL;
      c->durable.size = 0;
    }
  }
  pthread_mutex_unlock(&lock);
}
