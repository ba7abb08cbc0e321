/* bind/fiber.h - the one way from C into Lua.
 *
 * Work for Lua is an entry: an object of the caller's that pushes a function and
 * its arguments from inside the fiber (so that running out of memory there is an
 * ordinary Lua error) and is told when that function has left. Fibers are pooled
 * coroutines whose body is made by lua/cro/entry.lua; a function that does not wait
 * costs one resume.
 *
 * Nothing else calls lua_resume, and lua_pcall is called for the turn and the hooks
 * only. An entry must outlive its fiber: until `left` has been called.
 */
#ifndef CRO_BIND_FIBER_H
#define CRO_BIND_FIBER_H

#include "base/list.h"
#include "bind/core.h"

typedef struct lcro_entry lcro_entry;

typedef struct lcro_entry_ops {
  /* Inside the fiber: pushes a function and its arguments, returns how many values.
   * May raise. */
  int (*open)(lua_State *L, lcro_entry *self);
  /* The function has returned: true has `open` called again for one more on the same
   * fiber. Must not raise. NULL: never. */
  bool (*again)(lcro_entry *self);
  /* The function raised the value at `index`; false keeps it from being reported.
   * When it raises itself, the value is reported. NULL: report (but for stops and
   * cancellations, which never are). */
  bool (*failed)(lua_State *L, lcro_entry *self, int index);
  /* Says into `out` whose error is about to be reported. NULL: nothing to say. */
  void (*describe)(const lcro_entry *self, char *out, size_t room);
  /* Once, last: the function has returned or (failed) raised or been cancelled. Must
   * not raise and not enter another fiber. L may be used to let references go; its
   * stack is left as found. */
  void (*left)(lua_State *L, lcro_entry *self, bool failed);
} lcro_entry_ops;

struct lcro_entry {
  const lcro_entry_ops *ops;
  lcro_fiber *fiber; /* while inside */
  cro_list cancel;   /* waits to be cancelled by the loop */
  cro_list soon;     /* waits to be entered by the loop */
};

/* An entry that runs nothing yet. The caller owns its memory, until `left`. */
void lcro_entry_init(lcro_entry *entry, const lcro_entry_ops *ops);

/* Runs the entry on a pooled fiber. 0: it has left already; CRO_FULL: it waits and
 * `left` comes later; CRO_E_NOMEM: no fiber could be made, `left` is not called.
 * Only from the loop, never while Lua runs (app->depth == 0). */
int lcro_fiber_enter(lcro_app *app, lcro_entry *entry);

/* The same from anywhere: while Lua runs, or memory is out, the loop enters it at its
 * next turn and the answer is CRO_FULL. */
int lcro_fiber_deliver(lcro_app *app, lcro_entry *entry);

/* Takes back a delivery the loop has not entered yet. */
static inline void lcro_fiber_undeliver(lcro_entry *entry)
{
  cro_list_remove(&entry->soon);
}

/* Has the fiber's current and every later wait raise `cancelled`: at once when no Lua
 * runs, else when the loop next turns. Harmless for an entry that is not inside. */
void lcro_fiber_cancel(lcro_app *app, lcro_entry *entry);

/* At the end: every entry that is inside, or was to be, has left. */
void lcro_fiber_leave_all(lcro_app *app);

/* Runs one turn of Lua's ready queue; true when more is runnable. */
bool lcro_fiber_turn(void *app);

/* core.resume_all, with which the turn resumes the fibers that are runnable. */
int lcro_resume_all(lua_State *L);

#endif
