#include "bind/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a heap of a few MiB frees between two collections, which is in one go. */
enum { kept_max = 4 * 1024 * 1024 };

/* Nine tenths, without overflow. */
static size_t most_of(size_t bytes)
{
  return bytes - bytes / 10;
}

void lcro_memory_set_limit(lcro_memory *memory, size_t limit)
{
  memory->limit = limit;
  memory->alarm = most_of(limit);
}

/* Per cent of what is used now at which the next cycle begins: 200 is LuaJIT's own,
 * less when that would be above the alarm. */
static int pause_for(const lcro_memory *memory)
{
  size_t per_cent = memory->used / 100 + 1;
  size_t pause = most_of(memory->limit) / per_cent;

  return pause > 200 ? 200 : pause < 105 ? 105 : (int)pause;
}

void lcro_memory_relieve(lcro_memory *memory, lua_State *L)
{
  size_t room;

  /* Until it is known what the collection brings: a finaliser may raise out of it. */
  room = memory->limit > memory->used ? memory->limit - memory->used : 0;
  memory->alarm = memory->used + room / 2;
  lua_gc(L, LUA_GCCOLLECT, 0);
  room = memory->limit > memory->used ? memory->limit - memory->used : 0;
  if (memory->used <= most_of(memory->limit))
    memory->alarm = most_of(memory->limit);
  else /* in use, not garbage: collecting each time would bring nothing */
    memory->alarm = memory->used + room / 2;
  lua_gc(L, LUA_GCSETPAUSE, pause_for(memory));
  lua_gc(L, LUA_GCRESTART, -1);
}

/* --- small blocks
 * --------------------------------------------------------------- */

/* LuaJIT's allocator hands out 16 k + 8 bytes, and so do we: a class is its k. */
static inline size_t class_of(size_t size)
{
  return (size + 7) / 16;
}

static inline size_t room_of(size_t class)
{
  return class * 16 + 8;
}

static void *pass_on(lcro_memory *memory, void *block, size_t old_size, size_t new_size)
{
  return memory->inner(memory->inner_arg, block, old_size, new_size);
}

/* Of a small size. */
static inline void *take(lcro_memory *memory, size_t size)
{
  lcro_kept **list = &memory->kept[class_of(size)];
  lcro_kept *block = *list;

  if (block == NULL)
    return pass_on(memory, NULL, 0, room_of(class_of(size)));
  *list = block->next;
  memory->kept_bytes -= room_of(class_of(size));
  return block;
}

/* Of a small size, or of a larger one: then it is forgotten that it had more room. */
static inline void give(lcro_memory *memory, void *at, size_t size)
{
  lcro_kept **list = &memory->kept[class_of(size)];
  lcro_kept *block = at;

  if (memory->kept_bytes >= kept_max) {
    (void)pass_on(memory, block, size, 0);
    return;
  }
  block->next = *list;
  *list = block;
  memory->kept_bytes += room_of(class_of(size));
}

static void *move(lcro_memory *memory, void *block, size_t old_size, size_t new_size)
{
  bool was_small = old_size <= memory->small, is_small = new_size <= memory->small;
  void *fresh;

  if (was_small && is_small && class_of(old_size) == class_of(new_size))
    return block;
  fresh = is_small ? take(memory, new_size) : pass_on(memory, NULL, 0, new_size);
  if (fresh == NULL) /* what shrinks may stay where it is */
    return new_size < old_size ? block : NULL;
  memcpy(fresh, block, old_size < new_size ? old_size : new_size);
  if (was_small)
    give(memory, block, old_size);
  else
    (void)pass_on(memory, block, old_size, 0);
  return fresh;
}

static void *resize(lcro_memory *memory, void *block, size_t old_size, size_t new_size)
{
  if (new_size == 0) {
    if (block != NULL && old_size <= memory->small)
      give(memory, block, old_size);
    else if (block != NULL)
      (void)pass_on(memory, block, old_size, 0);
    return NULL;
  }
  if (block == NULL)
    return new_size <= memory->small ? take(memory, new_size)
                                     : pass_on(memory, NULL, 0, new_size);
  if (old_size > memory->small && new_size > memory->small)
    return pass_on(memory, block, old_size, new_size);
  return move(memory, block, old_size, new_size);
}

/* Anything, counted and limited. */
static __attribute__((noinline)) void *serve(lcro_memory *memory, void *block,
                                             size_t old_size, size_t new_size)
{
  size_t limit = memory->limit + memory->spare;
  void *fresh;

  if (new_size > old_size &&
      (memory->used >= limit || new_size - old_size > limit - memory->used))
    return NULL;
  fresh = resize(memory, block, old_size, new_size);
  if (fresh != NULL || new_size == 0)
    memory->used = memory->used - old_size + new_size;
  return fresh;
}

/* What is asked for most, by the shortest way: a small block that is kept is taken, or
 * one is given back to be kept. */
static void *allocate(void *arg, void *block, size_t old_size, size_t new_size)
{
  lcro_memory *memory = arg;
  size_t size = block == NULL ? new_size : old_size;
  lcro_kept **list, *first;

  if (size - 1 >= memory->small || (block != NULL && new_size > 0))
    return serve(memory, block, block == NULL ? 0 : old_size, new_size);
  list = &memory->kept[class_of(size)];
  first = *list;
  if (block == NULL) {
    if (first == NULL || memory->used + size > memory->limit)
      return serve(memory, NULL, 0, size);
    *list = first->next;
    memory->kept_bytes -= room_of(class_of(size));
    memory->used += size;
    return first;
  }
  if (memory->kept_bytes >= kept_max)
    return serve(memory, block, size, 0);
  ((lcro_kept *)block)->next = first;
  *list = block;
  memory->kept_bytes += room_of(class_of(size));
  memory->used -= size;
  return NULL;
}

#ifdef CRO_SANITIZE
/* The C library's allocator, which the sanitizers watch. Not base/alloc.h: that one
 * counts the blocks of the core, and the Lua heap is none of them. */
static void *plain(void *arg, void *block, size_t old_size, size_t new_size)
{
  (void)arg;
  (void)old_size;
  if (new_size > 0)
    return realloc(block, new_size);
  free(block);
  return NULL;
}

lua_State *lcro_memory_open(lcro_memory *memory, size_t limit)
{
  *memory = (lcro_memory){ .inner = plain };
  lcro_memory_set_limit(memory, limit);
  return lua_newstate(allocate, memory);
}

void lcro_memory_close(lcro_memory *memory, lua_State *L)
{
  (void)memory;
  lua_close(L);
}
#else
static size_t in_use(lua_State *L)
{
  return (size_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024 + (size_t)lua_gc(L, LUA_GCCOUNTB, 0);
}

lua_State *lcro_memory_open(lcro_memory *memory, size_t limit)
{
  lua_State *L = luaL_newstate();

  if (L == NULL)
    return NULL;
  *memory = (lcro_memory){ 0 };
  lcro_memory_set_limit(memory, limit);
  memory->inner = lua_getallocf(L, &memory->inner_arg);
  if (memory->inner_arg != NULL) /* else it is the C library's: of sizes unknown */
    memory->small = room_of(lcro_memory_classes);
  memory->used = in_use(L);
  lua_setallocf(L, allocate, memory);
  return L;
}

/* LuaJIT frees its arena at the end only when it recognises its own allocator. */
void lcro_memory_close(lcro_memory *memory, lua_State *L)
{
  lua_setallocf(L, memory->inner, memory->inner_arg);
  lua_close(L);
}
#endif

static bool unit_of(const char *text, unsigned *shift)
{
  static const char units[] = "kKmMgG";
  const char *unit = strchr(units, text[0]);

  *shift = 0;
  if (text[0] == '\0')
    return true;
  if (unit == NULL || text[1] != '\0')
    return false;
  *shift = 10 * (unsigned)((unit - units) / 2 + 1);
  return true;
}

bool lcro_memory_parse(const char *text, size_t *out)
{
  unsigned long long number;
  unsigned shift;
  char *end;

  if (text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  number = strtoull(text, &end, 10);
  if (errno != 0 || number == 0 || !unit_of(end, &shift))
    return false;
  if (number > SIZE_MAX >> shift)
    return false;
  *out = (size_t)number << shift;
  return true;
}
