/* net/fs.h - what the files of net/file*.c share; nobody else includes it.
 *
 * Functions named fs_op_* run on a thread of the pool. They see their request and
 * nothing of the loop: what they need of an open file (descriptor, kind, position) was
 * copied into the request before. They return 0 or a negative errno, or set out.err
 * themselves to say what no errno says.
 */
#ifndef CRO_NET_FS_H
#define CRO_NET_FS_H

#include "net/file.h"
#include "net/net.h"

#include <stdatomic.h>

enum {
  fs_chunk = 64 * 1024,       /* of a read whose size nobody knows */
  fs_big_chunk = 1024 * 1024, /* between two looks at `cancelled` */
  fs_atomic_pipe = 4096,      /* PIPE_BUF: room for it is what POLLOUT promises */
  fs_path_max = 4096,
};

typedef enum fs_kind {
  FS_SEEKABLE, /* regular files, block devices: read and written at offsets */
  FS_PLAIN,    /* neither seekable nor pollable, or a position that others share */
  FS_STREAM,   /* pipes, sockets, terminals: the loop waits for them */
} fs_kind;

/* Outlives the file until libuv has let it go. */
typedef struct fs_poll {
  uv_poll_t uv;
  cro_file *file; /* NULL: the file has gone */
} fs_poll;

struct cro_file {
  cro_loop *loop;
  cro_list node;  /* loop->files */
  cro_list queue; /* of cro_fs.node */
  cro_fs *running;
  fs_poll *poll; /* NULL: not waited for yet */
  int64_t position;
  fs_kind kind;
  int fd; /* -1: closed */
  bool append;
  bool socket;
  bool shared;   /* a stream whose O_NONBLOCK is not ours to set: see fs_op_read */
  bool borrowed; /* the descriptor is not ours to close */
  bool standing; /* stays open as long as the program: not counted */
  bool closing;  /* a close was asked for */
  bool orphan;   /* the owner has forgotten it */
  bool pumping;
  char *path;
};

typedef enum fs_phase {
  FS_QUEUED,  /* behind others of the same file */
  FS_WAITING, /* for a thread */
  FS_POLLING, /* for the pipe */
  FS_RUNNING, /* on a thread, or finishing */
} fs_phase;

struct cro_fs {
  uv_work_t work;
  cro_list node; /* file->queue, loop->fs_waiting, else loop->fs_busy */
  cro_loop *loop;
  cro_file *file; /* NULL for paths */
  cro_fs_op op;
  fs_phase phase;
  cro_fs_in in;
  cro_fs_out out;
  cro_buf data;      /* what out.data shows */
  cro_fs_done *done; /* NULL: nobody asks any more */
  void *arg;
  atomic_bool cancelled;
  /* for the thread: */
  int fd, rc;
  fs_kind kind;
  int64_t at; /* offset in a seekable file; -1: at the kernel's position */
  bool append, socket, shared;
  bool closed; /* the stream was closed while it waited in the queue */
  bool again;  /* there is more to do when the stream is ready again */
  char text[]; /* path, to, data; each with a NUL */
};

typedef int fs_run(cro_fs *request);
#define FS_DECLARE(NAME, name) fs_run fs_op_##name;
CRO_FS_FILE_OPS(FS_DECLARE)
CRO_FS_PATH_OPS(FS_DECLARE)
#undef FS_DECLARE

/* file_io.c: shared by several operations. Each answers 0 (a descriptor, bytes) or a
 * negative errno. */

/* open(2) that never blocks and never leaves its descriptor to a child. */
int fs_open(const char *path, int flags, int mode);
/* close(2); the descriptor is gone whatever it says. */
int fs_close(int fd);
/* Has the disk take what was written; 0 too for what has no disk. */
int fs_sync(int fd, bool data_only);
/* Writes all of it, at -1: at the kernel's position. Counts in out.number. */
int fs_write_all(cro_fs *request, int fd, cro_bytes data, int64_t at);
/* One read into request->data, at most `room` bytes and in.length in all; 0 at the
 * end of the file. */
ssize_t fs_read_some(cro_fs *request, size_t room);
/* Reads on until in.length bytes are there or the file ends. */
int fs_read_full(cro_fs *request);
/* Makes the folder of `path` remember what was renamed in it. */
int fs_sync_folder(const char *path);
/* A path with 16 random characters between the two parts, into request->data. */
int fs_random_path(cro_fs *request, const char *before, const char *after);

/* Was this flag given? */
static inline bool fs_has(const cro_fs *request, unsigned flag)
{
  return (request->in.flags & flag) != 0;
}

/* Nobody waits for it any more: stop at the next chunk. */
static inline bool fs_cancelled(cro_fs *request)
{
  return atomic_load_explicit(&request->cancelled, memory_order_relaxed);
}

/* Says what no errno says; returns what the operation returns then. */
static inline int fs_fail(cro_fs *request, int err)
{
  request->out.err = err;
  return 0;
}

/* A file over a descriptor that fstat has described; closes fd on failure. Any
 * thread. */
int fs_file_create(cro_file **out, int fd, const char *path, unsigned mode,
                   bool append);

/* Loop thread: the file counts from here on. */
void fs_file_attach(cro_file *file, cro_loop *loop);

/* file_poll.c: waits for readiness, then calls fs_ready(file). 0, or CRO_E_NOTSUP
 * for what cannot be polled. */
int fs_poll_start(cro_file *file, int events);
void fs_poll_stop(cro_file *file);
void fs_poll_close(cro_file *file);
void fs_ready(cro_file *file);

/* Writes without waiting for SIGPIPE's opinion; see cro_file_is_writing. */
ssize_t fs_write_stream(int fd, bool socket, const char *at, size_t len);
ssize_t fs_read_stream(int fd, bool socket, char *at, size_t len);

#endif
