/* Folders and what is below them: lists, patterns, removal. On threads of the pool. */
#include "net/fs.h"

#include "base/alloc.h"
#include "base/err.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_dots(const char *name)
{
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

/* --- listing ------------------------------------------------------------------------
 */

char cro_fs_type(unsigned mode)
{
  return S_ISREG(mode)    ? 'f'
         : S_ISDIR(mode)  ? 'd'
         : S_ISLNK(mode)  ? 'l'
         : S_ISFIFO(mode) ? 'p'
         : S_ISSOCK(mode) ? 's'
         : S_ISCHR(mode)  ? 'c'
         : S_ISBLK(mode)  ? 'b'
                          : '?';
}

/* Not every file system says it with the name. */
static char type_of(int folder, const struct dirent *entry)
{
  struct stat st;

  if (entry->d_type != DT_UNKNOWN)
    return cro_fs_type((unsigned)DTTOIF(entry->d_type));
  if (fstatat(folder, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0)
    return '?';
  return cro_fs_type(st.st_mode);
}

static int add_entry(cro_buf *out, char type, const char *name)
{
  size_t len = strlen(name) + 1;

  if (cro_buf_add_byte(out, type) != 0 ||
      cro_buf_add(out, (cro_bytes){ name, len }) != 0)
    return -ENOMEM;
  return 0;
}

static int read_entries(cro_fs *self, DIR *folder, size_t *count)
{
  const struct dirent *entry;
  int rc = 0;

  errno = 0;
  while (rc == 0 && !fs_cancelled(self) && (entry = readdir(folder)) != NULL) {
    if (is_dots(entry->d_name))
      continue;
    rc = add_entry(&self->data, type_of(dirfd(folder), entry), entry->d_name);
    (*count)++;
    errno = 0;
  }
  return rc != 0 ? rc : -errno;
}

static int by_name(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a + 1, *(const char *const *)b + 1);
}

static int sort_entries(cro_buf *data, size_t count)
{
  const char **entries = cro_alloc(count * sizeof *entries);
  cro_buf sorted = { 0 };
  const char *at = data->at;
  int rc = 0;

  if (entries == NULL || cro_buf_reserve(&sorted, data->len) != 0)
    rc = -ENOMEM;
  for (size_t i = 0; rc == 0 && i < count; i++, at += strlen(at) + 1)
    entries[i] = at;
  if (rc == 0)
    qsort(entries, count, sizeof *entries, by_name);
  for (size_t i = 0; rc == 0 && i < count; i++)
    rc = add_entry(&sorted, entries[i][0], entries[i] + 1);
  cro_free((void *)entries);
  if (rc == 0) {
    cro_buf swap = *data;

    *data = sorted;
    sorted = swap;
  }
  cro_buf_free(&sorted);
  return rc;
}

int fs_op_list(cro_fs *self)
{
  int fd = fs_open(self->in.path.at, O_RDONLY | O_DIRECTORY, 0);
  size_t count = 0;
  DIR *folder;
  int rc;

  if (fd < 0)
    return fd;
  folder = fdopendir(fd);
  if (folder == NULL) {
    (void)fs_close(fd);
    return -ENOMEM;
  }
  rc = read_entries(self, folder, &count);
  closedir(folder);
  return rc != 0 || count == 0 ? rc : sort_entries(&self->data, count);
}

int fs_op_glob(cro_fs *self)
{
  glob_t found = { 0 };
  int rc = glob(self->in.path.at, 0, NULL, &found);

  if (rc == GLOB_NOMATCH)
    rc = 0;
  else if (rc != 0)
    rc = rc == GLOB_NOSPACE ? -ENOMEM : -EIO;
  for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
    rc = add_entry(&self->data, '?', found.gl_pathv[i]);
  globfree(&found);
  return rc;
}

/* --- removal ------------------------------------------------------------------------
 */

static int remove_tree(cro_fs *self, int parent, const char *name);

static int remove_entry(cro_fs *self, int folder, const struct dirent *entry)
{
  if (entry->d_type != DT_DIR && unlinkat(folder, entry->d_name, 0) == 0)
    return 0;
  if (entry->d_type != DT_DIR && errno == ENOENT)
    return 0;
  if (entry->d_type != DT_DIR && errno != EISDIR && errno != EPERM)
    return -errno;
  return remove_tree(self, folder, entry->d_name);
}

/* Removing while reading may skip entries: again until there is none. */
static int empty(cro_fs *self, DIR *folder)
{
  const struct dirent *entry;
  bool removed = true;

  while (removed) {
    removed = false;
    rewinddir(folder);
    while ((entry = readdir(folder)) != NULL) {
      int rc;

      if (is_dots(entry->d_name))
        continue;
      rc = fs_cancelled(self) ? -ECANCELED : remove_entry(self, dirfd(folder), entry);
      if (rc != 0)
        return rc;
      removed = true;
    }
  }
  return 0;
}

/* By descriptors: a folder that is swapped for a link meanwhile leads nowhere else. */
static int remove_tree(cro_fs *self, int parent, const char *name)
{
  int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  DIR *folder;
  int rc;

  if (fd < 0)
    return errno == ENOENT ? 0 : -errno;
  folder = fdopendir(fd);
  if (folder == NULL) {
    (void)fs_close(fd);
    return -ENOMEM;
  }
  rc = empty(self, folder);
  closedir(folder);
  if (rc == 0 && unlinkat(parent, name, AT_REMOVEDIR) != 0 && errno != ENOENT)
    rc = -errno;
  return rc;
}

static int remove_folder(cro_fs *self)
{
  if (fs_has(self, CRO_FS_F_RECURSIVE))
    return remove_tree(self, AT_FDCWD, self->in.path.at);
  return rmdir(self->in.path.at) == 0 ? 0 : -errno;
}

int fs_op_remove(cro_fs *self)
{
  struct stat st;
  int rc;

  if (lstat(self->in.path.at, &st) != 0)
    rc = -errno;
  else if (S_ISDIR(st.st_mode))
    rc = remove_folder(self);
  else
    rc = unlink(self->in.path.at) == 0 ? 0 : -errno;
  return rc == -ENOENT && fs_has(self, CRO_FS_F_MISSING_OK) ? 0 : rc;
}
