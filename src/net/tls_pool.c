/* Memory that TLS sessions work in: the fewest blocks that do, shared. */
#include "net/tls_session.h"

#include "base/alloc.h"

enum {
  crowd = 256,      /* handshakes at once, 30 KiB each until they are over */
  crowd_ms = 10000, /* between two of them */
  spare_blocks = 4,
  spare_gatherers = 16,
  gatherer_max = 32 * 1024, /* a bigger one is given back to the system */
};

static struct {
  cro_buf blocks[spare_blocks], gatherers[spare_gatherers];
  size_t block_count, gatherer_count;
  size_t sessions;
  size_t shaking, shaking_peak;
  uint64_t trimmed_at;
} pool;

cro_buf net_tls_block(void)
{
  char *at;

  if (pool.block_count > 0)
    return pool.blocks[--pool.block_count];
  at = cro_alloc(net_tls_block_bytes);
  return at != NULL ? (cro_buf){ at, 0, net_tls_block_bytes } : (cro_buf){ 0 };
}

/* What has begun without memory for a block and found some later is none. */
void net_tls_give_block(cro_buf *block)
{
  block->len = 0;
  if (block->cap < net_tls_block_bytes || pool.block_count == spare_blocks) {
    cro_buf_free(block);
    return;
  }
  pool.blocks[pool.block_count++] = *block;
  *block = (cro_buf){ 0 };
}

cro_buf net_tls_gatherer(void)
{
  if (pool.gatherer_count == 0)
    return (cro_buf){ 0 };
  return pool.gatherers[--pool.gatherer_count];
}

void net_tls_give_gatherer(cro_buf *buf)
{
  buf->len = 0;
  if (buf->at == NULL || buf->cap > gatherer_max ||
      pool.gatherer_count == spare_gatherers) {
    cro_buf_free(buf);
    return;
  }
  pool.gatherers[pool.gatherer_count++] = *buf;
  *buf = (cro_buf){ 0 };
}

void net_tls_pool_hold(void)
{
  pool.sessions++;
}

void net_tls_pool_drop(void)
{
  if (--pool.sessions > 0)
    return;
  while (pool.block_count > 0)
    cro_buf_free(&pool.blocks[--pool.block_count]);
  while (pool.gatherer_count > 0)
    cro_buf_free(&pool.gatherers[--pool.gatherer_count]);
}

void net_tls_begun(void)
{
  if (++pool.shaking > pool.shaking_peak)
    pool.shaking_peak = pool.shaking;
}

void net_tls_over(uint64_t now)
{
  pool.shaking--;
  if (pool.shaking_peak < crowd || pool.shaking > pool.shaking_peak / 16)
    return;
  if (pool.trimmed_at != 0 && now - pool.trimmed_at < crowd_ms)
    return;
  pool.shaking_peak = pool.shaking;
  pool.trimmed_at = now;
  cro_alloc_trim();
}
