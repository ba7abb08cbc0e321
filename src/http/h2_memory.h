/* http/h2_memory.h - the memory of one nghttp2 session, out of the core's allocator.
 *
 * Every block is known. When an allocation fails inside nghttp2 (1.52), its session may
 * be left with pointers to what it has freed, and nghttp2_session_del follows them: a
 * session that has answered a fatal error is not deleted, its memory is freed.
 *
 * What one session has freed is kept for all of them, within a bound, until the last
 * one is gone.
 */
#ifndef CRO_HTTP_H2_MEMORY_H
#define CRO_HTTP_H2_MEMORY_H

#include "base/list.h"

#include <nghttp2/nghttp2.h>

typedef struct cro_h2_memory {
  nghttp2_mem mem; /* to be given to nghttp2 */
  cro_list blocks;
} cro_h2_memory;

/* Empty. It must not move from here on. */
void cro_h2_memory_init(cro_h2_memory *memory);

/* Frees whatever is left of it. */
void cro_h2_memory_free(cro_h2_memory *memory);

#endif
