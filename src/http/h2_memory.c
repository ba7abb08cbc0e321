#include "http/h2_memory.h"

#include "base/alloc.h"

#include <stdint.h>

/* In front of each block; as large as the alignment that malloc(3) promises. */
typedef cro_list head;

static void *adopt(head *block, void *arg)
{
  cro_h2_memory *memory = arg;

  if (block == NULL)
    return NULL;
  cro_list_push(&memory->blocks, block);
  return block + 1;
}

static void *mem_alloc(size_t size, void *arg)
{
  return size > SIZE_MAX - sizeof(head) ? NULL
                                        : adopt(cro_alloc(size + sizeof(head)), arg);
}

static void mem_free(void *at, void *arg)
{
  head *block = at;

  (void)arg;
  if (block == NULL)
    return;
  cro_list_remove(--block);
  cro_free(block);
}

static void *mem_zero(size_t count, size_t size, void *arg)
{
  if (size > 0 && count > (SIZE_MAX - sizeof(head)) / size)
    return NULL;
  return adopt(cro_alloc_zero(count * size + sizeof(head)), arg);
}

static void *mem_change(void *at, size_t size, void *arg)
{
  head *block = at, *changed;

  if (block == NULL)
    return mem_alloc(size, arg);
  if (size > SIZE_MAX - sizeof(head))
    return NULL;
  cro_list_remove(--block);
  changed = cro_realloc(block, size + sizeof(head));
  if (changed != NULL)
    return adopt(changed, arg);
  (void)adopt(block, arg); /* it stays as it was */
  return NULL;
}

void cro_h2_memory_init(cro_h2_memory *memory)
{
  cro_list_init(&memory->blocks);
  memory->mem = (nghttp2_mem){ .mem_user_data = memory,
                               .malloc = mem_alloc,
                               .free = mem_free,
                               .calloc = mem_zero,
                               .realloc = mem_change };
}

void cro_h2_memory_free(cro_h2_memory *memory)
{
  cro_list *block;

  while ((block = cro_list_shift(&memory->blocks)) != NULL)
    cro_free(block);
}
