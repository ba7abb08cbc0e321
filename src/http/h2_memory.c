#include "http/h2_memory.h"

#include "base/alloc.h"
#include "base/check.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

/* Blocks of a session come and go a dozen per request, all of a few small sizes: those
 * that went are kept for the next ones, of whatever session. Not under
 * AddressSanitizer, which is to see each of them go. */
#if defined(CRO_SANITIZE)
enum { idle_max = 0 };
#else
enum { idle_max = 256 * 1024 }; /* bytes, as long as there are sessions */
#endif

enum { grain = 64, classes = 12 };

/* In front of each block. */
typedef struct head {
  alignas(max_align_t) cro_list node; /* of its session; idle: `next` alone */
  size_t size;                        /* with the head */
} head;

static struct {
  cro_list *free[classes];
  size_t bytes, sessions;
} idle;

/* --- blocks -------------------------------------------------------------------------
 */

/* Of sizes that are kept, else `classes`. */
static size_t class_of(size_t size)
{
  size_t at = (size - 1) / grain;

  return at < classes ? at : classes;
}

static head *take(size_t size)
{
  size_t at = class_of(size);
  head *block;

  if (at == classes)
    return cro_alloc(size);
  if (idle.free[at] == NULL)
    return cro_alloc((at + 1) * grain);
  block = CRO_CONTAINER(idle.free[at], head, node);
  idle.free[at] = block->node.next;
  idle.bytes -= block->size;
  return block;
}

static void give(head *block)
{
  size_t at = class_of(block->size);

  if (at == classes || block->size > idle_max - idle.bytes) {
    cro_free(block);
    return;
  }
  block->node.next = idle.free[at];
  idle.free[at] = &block->node;
  idle.bytes += block->size;
}

static void free_idle(void)
{
  for (size_t at = 0; at < classes; at++)
    while (idle.free[at] != NULL) {
      head *block = CRO_CONTAINER(idle.free[at], head, node);

      idle.free[at] = block->node.next;
      cro_free(block);
    }
  idle.bytes = 0;
}

/* --- what nghttp2 calls
 * --------------------------------------------------------------- */

static void *mem_alloc(size_t size, void *arg)
{
  cro_h2_memory *memory = arg;
  size_t whole = size + sizeof(head), at = class_of(whole);
  head *block;

  if (size > SIZE_MAX - sizeof(head))
    return NULL;
  block = take(whole);
  if (block == NULL)
    return NULL;
  block->size = at < classes ? (at + 1) * grain : whole;
  cro_list_init(&block->node);
  cro_list_push(&memory->blocks, &block->node);
  return block + 1;
}

static void mem_free(void *at, void *arg)
{
  head *block = at;

  (void)arg;
  if (block == NULL)
    return;
  cro_list_remove(&(--block)->node);
  give(block);
}

static void *mem_zero(size_t count, size_t size, void *arg)
{
  void *at;

  if (size > 0 && count > SIZE_MAX / size)
    return NULL;
  at = mem_alloc(count * size, arg);
  return at != NULL ? memset(at, 0, count * size) : NULL;
}

static void *mem_change(void *at, size_t size, void *arg)
{
  head *block = at;
  size_t had;
  void *moved;

  if (block == NULL)
    return mem_alloc(size, arg);
  had = (--block)->size - sizeof(head);
  if (size <= had)
    return at;
  moved = mem_alloc(size, arg);
  if (moved == NULL)
    return NULL; /* the block stays as it was */
  memcpy(moved, at, had);
  mem_free(at, arg);
  return moved;
}

/* --- a session's
 * ----------------------------------------------------------------------- */

void cro_h2_memory_init(cro_h2_memory *memory)
{
  idle.sessions++;
  cro_list_init(&memory->blocks);
  memory->mem = (nghttp2_mem){ .mem_user_data = memory,
                               .malloc = mem_alloc,
                               .free = mem_free,
                               .calloc = mem_zero,
                               .realloc = mem_change };
}

void cro_h2_memory_free(cro_h2_memory *memory)
{
  cro_list *node;

  while ((node = cro_list_shift(&memory->blocks)) != NULL)
    give(CRO_CONTAINER(node, head, node));
  if (--idle.sessions == 0)
    free_idle();
}
