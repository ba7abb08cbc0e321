#include "base/arena.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <stdalign.h>

/* Under AddressSanitizer nothing is pooled and what is not handed out is poisoned, so
 * that a slice that outlives its request, or a write past an allocation, is found. */
#if defined(CRO_SANITIZE)
#include <sanitizer/asan_interface.h>
#define POISON(at, size) ASAN_POISON_MEMORY_REGION((at), (size))
#define UNPOISON(at, size) ASAN_UNPOISON_MEMORY_REGION((at), (size))
enum { pool_max = 0, red_zone = 16 };
#else
#define POISON(at, size) ((void)(at), (void)(size))
#define UNPOISON(at, size) ((void)(at), (void)(size))
enum { pool_max = 256, red_zone = 0 }; /* idle arenas kept: half a megabyte at most */
#endif

enum {
  first_block = 2048, /* holds the request, its headers and a small answer */
  big_block = 16384,  /* later blocks */
  alignment = 16
};

typedef struct block block;
struct block {
  block *next;
  size_t size;
};

typedef struct cleanup cleanup;
struct cleanup {
  cleanup *next;
  void (*fn)(void *arg);
  void *arg;
};

struct cro_arena {
  cro_arena *next_idle;
  block *blocks; /* beyond the first; newest first */
  cleanup *cleanups;
  char *free_at;
  size_t free_len;
  size_t size;
  uint32_t holds;
  alignas(alignment) char first[];
};

enum { head_room = first_block - sizeof(cro_arena) };

static cro_arena *idle;
static int idle_count;

static cro_arena *take_idle(void)
{
  cro_arena *arena = idle;

  if (arena == NULL)
    return cro_alloc(first_block);
  idle = arena->next_idle;
  idle_count--;
  return arena;
}

cro_arena *cro_arena_create(void)
{
  cro_arena *arena = take_idle();

  if (arena == NULL)
    return NULL;
  arena->next_idle = NULL;
  arena->blocks = NULL;
  arena->cleanups = NULL;
  arena->free_at = arena->first;
  arena->free_len = head_room;
  arena->size = first_block;
  arena->holds = 1;
  POISON(arena->first, head_room);
  return arena;
}

void cro_arena_hold(cro_arena *arena)
{
  cro_check(arena->holds > 0);
  arena->holds++;
}

bool cro_arena_shared(const cro_arena *arena)
{
  return arena->holds > 1;
}

static void run_cleanups(cro_arena *arena)
{
  cleanup *item;

  while ((item = arena->cleanups) != NULL) {
    arena->cleanups = item->next;
    item->fn(item->arg);
  }
}

static void free_blocks(cro_arena *arena)
{
  block *item;

  while ((item = arena->blocks) != NULL) {
    arena->blocks = item->next;
    UNPOISON(item, item->size);
    cro_free(item);
  }
}

void cro_arena_drop(cro_arena *arena)
{
  cro_check(arena->holds > 0);
  if (--arena->holds > 0)
    return;
  arena->holds = 1; /* a clean-up may still look, never keep */
  run_cleanups(arena);
  cro_check(arena->holds == 1);
  arena->holds = 0;
  free_blocks(arena);
  UNPOISON(arena->first, head_room);
  if (idle_count >= pool_max) {
    cro_free(arena);
    return;
  }
  arena->next_idle = idle;
  idle = arena;
  idle_count++;
}

static void *alloc_block(cro_arena *arena, size_t size)
{
  size_t body = size > big_block / 2 ? size : big_block;
  size_t head = (sizeof(block) + alignment - 1) & ~(size_t)(alignment - 1);
  block *item;

  if (body > SIZE_MAX - head || (item = cro_alloc(head + body)) == NULL)
    return NULL;
  item->next = arena->blocks;
  item->size = head + body;
  arena->blocks = item;
  arena->size += item->size;
  POISON((char *)item + head, body);
  if (body == size)
    return (char *)item + head; /* its own block: the current one goes on */
  arena->free_at = (char *)item + head + size;
  arena->free_len = body - size;
  return (char *)item + head;
}

static void *alloc_padded(cro_arena *arena, size_t size)
{
  void *at = arena->free_at;

  if (size > arena->free_len)
    return alloc_block(arena, size);
  arena->free_at += size;
  arena->free_len -= size;
  return at;
}

void *cro_arena_alloc(cro_arena *arena, size_t size)
{
  void *at;

  cro_check(arena->holds > 0);
  if (size > SIZE_MAX - alignment - red_zone)
    return NULL;
  at =
      alloc_padded(arena, (size + red_zone + alignment - 1) & ~(size_t)(alignment - 1));
  if (at != NULL)
    UNPOISON(at, size);
  return at;
}

int cro_arena_copy(cro_arena *arena, cro_bytes bytes, cro_bytes *out)
{
  char *at;

  if (bytes.len == 0) {
    *out = (cro_bytes){ "", 0 };
    return 0;
  }
  at = cro_arena_alloc(arena, bytes.len);
  if (at == NULL)
    return CRO_E_NOMEM;
  memcpy(at, bytes.at, bytes.len);
  *out = (cro_bytes){ at, bytes.len };
  return 0;
}

int cro_arena_defer(cro_arena *arena, void (*fn)(void *arg), void *arg)
{
  cleanup *item = cro_arena_alloc(arena, sizeof *item);

  if (item == NULL)
    return CRO_E_NOMEM;
  *item = (cleanup){ arena->cleanups, fn, arg };
  arena->cleanups = item;
  return 0;
}

size_t cro_arena_size(const cro_arena *arena)
{
  return arena->size;
}

void cro_arena_trim(void)
{
  while (idle != NULL) {
    cro_arena *arena = idle;

    idle = arena->next_idle;
    cro_free(arena);
  }
  idle_count = 0;
}
