/* net/file.h - files: what may block runs on the thread pool, answers in the loop.
 *
 * A request is one piece of work: all of "write this file and put it in the place of
 * that one" is one trip to the pool. It owns copies of its paths and data, and its
 * results until `done` has returned. A request that is cancelled is taken out of its
 * queue, or, when a thread works on it, let go: the thread stops at the next chunk, and
 * what it brings back (an open file too) is thrown away.
 *
 * A cro_file is an open descriptor. Its requests are worked off one at a time, in
 * order; close is one of them, so that it comes behind what was asked before. Regular
 * files keep their position here and are read and written at offsets, so that a
 * cancelled read takes nothing away. Pipes, sockets and terminals are waited for by the
 * loop, and no thread ever blocks in them.
 *
 * At most 3/4 of the pool works on files, so that others get their turn; at most
 * cro_fs_requests_max requests and cro_fs_bytes_max bytes to write wait in a loop
 * (CRO_E_LIMIT).
 */
#ifndef CRO_NET_FILE_H
#define CRO_NET_FILE_H

#include "base/buf.h"
#include "net/loop.h"

typedef struct cro_file cro_file;
typedef struct cro_fs cro_fs;

enum {
  cro_fs_requests_max = 16384,
  cro_fs_bytes_max = 256 * 1024 * 1024, /* one write alone may be larger */
};

/* X(NAME, "name"): the second is what scripts call it by. Of an open file: */
#define CRO_FS_FILE_OPS(X)                                                             \
  X(READ, read)           /* length, offset -> data; eof */                            \
  X(WRITE, write)         /* data, offset -> number: bytes written, on failure too */  \
  X(SEEK, seek)           /* offset, mode: SEEK_SET ... -> number */                   \
  X(FSTAT, fstat)         /* -> stat */                                                \
  X(SYNC, sync)           /* DATA_ONLY */                                              \
  X(FTRUNCATE, ftruncate) /* length */                                                 \
  X(LOCK, lock)           /* SHARED, UNLOCK; never waits: CRO_E_AGAIN */               \
  X(CLOSE, close)         /* the last one */

/* Of paths: `path`, and `to` where there are two. */
#define CRO_FS_PATH_OPS(X)                                                             \
  X(OPEN, open)         /* READ, WRITE, CREATE, TRUNCATE, EXCLUSIVE, APPEND, mode;     \
                           CRO_E_AGAIN for a pipe to write that nobody reads yet;      \
                           TEMP: a new file of a random name, `path` and `to` around   \
                           it -> file; data: its path */                               \
  X(LOAD, load)         /* length: the most that is read -> data */                    \
  X(SAVE, save)         /* data, APPEND, EXCLUSIVE, ATOMIC, SYNC, mode or -1 */        \
  X(REPLACE, replace)   /* path takes the place of `to`, EXCLUSIVE, SYNC */            \
  X(COPY, copy)         /* EXCLUSIVE, SYNC -> number: bytes */                         \
  X(RENAME, rename)     /* EXCLUSIVE */                                                \
  X(REMOVE, remove)     /* RECURSIVE, MISSING_OK */                                    \
  X(STAT, stat)         /* NOFOLLOW -> stat */                                         \
  X(MKDIR, mkdir)       /* PARENTS, mode */                                            \
  X(TEMP_DIR, temp_dir) /* as OPEN with TEMP -> data */                                \
  X(LIST, list)         /* -> data: sorted; each a type, a name and a NUL */           \
  X(GLOB, glob)         /* -> data: as LIST, whole paths, type '?' */                  \
  X(CHMOD, chmod)       /* mode */                                                     \
  X(CHOWN, chown)       /* uid, gid (-1: as it is), NOFOLLOW */                        \
  X(UTIME, utime)       /* atime, mtime, NOFOLLOW */                                   \
  X(LINK, link)         /* a second name `to` for `path` */                            \
  X(SYMLINK, symlink)   /* at `to`, pointing to `path` */                              \
  X(READLINK, readlink) /* -> data */                                                  \
  X(REALPATH, realpath) /* -> data */                                                  \
  X(TRUNCATE, truncate) /* length */

typedef enum cro_fs_op {
#define CRO_FS_ENUM(NAME, name) CRO_FS_##NAME,
  CRO_FS_FILE_OPS(CRO_FS_ENUM) CRO_FS_PATH_OPS(CRO_FS_ENUM)
#undef CRO_FS_ENUM
      CRO_FS_OPS
} cro_fs_op;

typedef enum cro_fs_flags {
  CRO_FS_F_READ = 1 << 0,
  CRO_FS_F_WRITE = 1 << 1,
  CRO_FS_F_CREATE = 1 << 2,
  CRO_FS_F_TRUNCATE = 1 << 3,
  CRO_FS_F_EXCLUSIVE = 1 << 4,
  CRO_FS_F_APPEND = 1 << 5,
  CRO_FS_F_TEMP = 1 << 6,
  CRO_FS_F_ATOMIC = 1 << 7,
  CRO_FS_F_SYNC = 1 << 8,
  CRO_FS_F_DATA_ONLY = 1 << 9,
  CRO_FS_F_RECURSIVE = 1 << 10,
  CRO_FS_F_MISSING_OK = 1 << 11,
  CRO_FS_F_NOFOLLOW = 1 << 12,
  CRO_FS_F_PARENTS = 1 << 13,
  CRO_FS_F_SHARED = 1 << 14,
  CRO_FS_F_UNLOCK = 1 << 15,
} cro_fs_flags;

/* What is asked; slices are copied. Fields an op does not name are ignored. */
typedef struct cro_fs_in {
  cro_bytes path, to, data;
  int64_t offset; /* -1: at the position, which moves */
  uint64_t length;
  double atime, mtime; /* seconds since 1970 */
  unsigned flags;
  int mode;
  int64_t uid, gid;
} cro_fs_in;

typedef struct cro_fs_stat {
  uint64_t dev, ino, size, blocks, nlink, uid, gid, blksize;
  double atime, mtime, ctime, birthtime;
  unsigned mode;
} cro_fs_stat;

/* What comes of it; lives until `done` returns, the file longer. The data may be taken
 * over. */
typedef struct cro_fs_out {
  int err;            /* 0 or a cro_err */
  int system;         /* the errno beneath err; 0: none */
  cro_bytes path, to; /* what the error is about; `to` empty where there is but one */
  cro_buf *data;
  bool eof;
  bool made; /* data is the path of something temporary that is there now */
  uint64_t number;
  cro_fs_stat stat;
  cro_file *file; /* the receiver's to forget */
} cro_fs_out;

typedef void cro_fs_done(void *arg, const cro_fs_out *out);

/* What stat's mode is of: f file, d directory, l link, p fifo, s socket, c and b
 * devices, ? unknown. Lists of entries say it this way, too. */
char cro_fs_type(unsigned mode);

/* Starts a request, of `file` for the first list of operations, else NULL. done comes
 * once, possibly before this returns. NULL for `out`: it will not be cancelled.
 * Negative (CRO_E_LIMIT, CRO_E_CLOSED, CRO_E_NOMEM): done is never called. */
int cro_fs_start(cro_fs **out, cro_loop *loop, cro_file *file, cro_fs_op op,
                 const cro_fs_in *in, cro_fs_done *done, void *arg);

/* done is not called any more. Only before done. */
void cro_fs_cancel(cro_fs *request);

/* The same, but it is carried out nevertheless. */
void cro_fs_let_go(cro_fs *request);

/* Throws a result away: closes the file, removes what is temporary. */
void cro_fs_discard(cro_loop *loop, const cro_fs_out *out);

/* The op with this name, or CRO_E_INVAL; and is it one of an open file? */
int cro_fs_op_of(cro_bytes name);
bool cro_fs_op_is_of_file(cro_fs_op op);

/* The owner has no more use for the file: it is closed, behind what was asked of it,
 * and freed. The file is not to be used afterwards. */
void cro_file_forget(cro_file *file);

/* What it was opened by; lives as long as the file. */
cro_bytes cro_file_path(const cro_file *file);

/* Its descriptor, which stays the file's, standing where the file stands: for a process
 * that is to have it. -1 when close was asked for. */
int cro_file_descriptor(const cro_file *file);

/* Close was asked for, or it has been closed. */
bool cro_file_is_closing(const cro_file *file);

/* The system's name of an errno ("ENOENT"), and its text; static. */
const char *cro_fs_errno_name(int system);
const char *cro_fs_errno_text(int system);

/* --- standard streams ------------------------------------------------------------- */

/* First thing in the program: what the caller left closed of the descriptors 0 to 2 is
 * taken, so that no other file gets their numbers; using it fails as it would have. */
void cro_stdio_guard(void);

/* Stdin (0), stdout (1) or stderr (2) as a file. The flags of the descriptor, which
 * other processes share, are left alone. Forgetting it does not close the descriptor.
 */
int cro_stdio_open(cro_file **out, cro_loop *loop, int fd);

/* Is it a terminal, and how large: CRO_E_NOTSUP when it is none or does not say. */
bool cro_stdio_is_terminal(int fd);
int cro_stdio_size(int fd, int *columns, int *rows);

/* This thread is writing to a pipe for a script, which hears of a reader that has left
 * by CRO_E_PIPE: the signal says nothing new. Safe in a signal handler. */
bool cro_file_is_writing(void);

#endif
