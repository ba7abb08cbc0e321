/* net/watch.h - what changes in folders and files, as the system tells it.
 *
 * A cro_watch is one source of events (on Linux one inotify descriptor) that watches
 * any number of paths, each by an id. It decides nothing: which paths, what below them,
 * what to make of an event is for the owner. Events wait in the system until they are
 * taken; `readable` is called once each time there is something, and again only after
 * cro_watch_take has answered that nothing is left.
 *
 * An event's name lives until the next call of cro_watch_take.
 */
#ifndef CRO_NET_WATCH_H
#define CRO_NET_WATCH_H

#include "base/bytes.h"
#include "net/loop.h"

/* Elsewhere cro_watch_open answers CRO_E_NOTSUP. */
#ifdef __linux__
#define CRO_WATCH_INOTIFY 1
#endif

typedef struct cro_watch cro_watch;

typedef enum cro_watch_what {
  CRO_WATCH_CHANGED = 1 << 0,   /* the content, or what is known of it */
  CRO_WATCH_APPEARED = 1 << 1,  /* a name in a folder: made, or renamed to it */
  CRO_WATCH_GONE = 1 << 2,      /* a name in a folder: removed, or renamed from it */
  CRO_WATCH_SELF_GONE = 1 << 3, /* what is watched was itself removed or renamed */
  CRO_WATCH_ENDED = 1 << 4,     /* this id tells no more and may be forgotten */
  CRO_WATCH_FOLDER = 1 << 5,    /* the name is a folder's */
  CRO_WATCH_OVERFLOW = 1 << 6,  /* events were lost; of all ids */
} cro_watch_what;

typedef struct cro_watch_event {
  int id; /* -1 with OVERFLOW */
  unsigned what;
  cro_bytes name; /* within the folder; empty: the watched path itself */
} cro_watch_event;

/* 0, CRO_E_NOMEM, or CRO_E_MFILE with *system the errno. */
int cro_watch_open(cro_watch **out, cro_loop *loop, void (*readable)(void *arg),
                   void *arg, int *system);

enum {
  CRO_WATCH_ONLY_FOLDER = 1, /* nothing else: CRO_E_NOTDIR */
  CRO_WATCH_NO_LINK = 2,     /* the path itself is no link: CRO_E_LOOP, CRO_E_NOTDIR */
};

/* Watches a path (which ends in a NUL), for its entries when it is a folder: its id.
 * The same file watched twice has one id. Negative with *system the errno:
 * CRO_E_NOTFOUND, ..., CRO_E_LIMIT when the system allows no more. */
int cro_watch_add(cro_watch *watch, cro_bytes path, unsigned how, int *system);

/* Harmless for an id that has ended. Events that wait may still come. */
void cro_watch_remove(cro_watch *watch, int id);

/* The next event: 1, or 0 when there is none now. */
int cro_watch_take(cro_watch *watch, cro_watch_event *out);

/* Ends it; `readable` is not called any more. NULL is allowed. */
void cro_watch_close(cro_watch *watch);

#endif
