#include "base/check.h"
#include "base/err.h"
#include "http/h2_client_session.h"

/* A piece for downstream; nghttp2 keeps the rest until the next. */
enum { gathered_max = 64 * 1024 };

/* --- frames to bytes -----------------------------------------------------------------
 */

int cro_h2_client_send_data(nghttp2_session *session, nghttp2_frame *frame,
                            const uint8_t *head, size_t length,
                            nghttp2_data_source *source, void *arg)
{
  cro_h2_client *client = arg;
  cro_h2_call *call = source->ptr;
  cro_bytes part = { call->out.at + call->out_at, length };

  (void)session;
  (void)frame;
  client->would_block = client->out.len >= gathered_max;
  if (client->would_block)
    return NGHTTP2_ERR_WOULDBLOCK;
  if (cro_buf_reserve(&client->out, 9 + length) != 0) {
    client->err = CRO_E_NOMEM;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
  }
  (void)cro_buf_add(&client->out, (cro_bytes){ (const char *)head, 9 });
  (void)cro_buf_add(&client->out, part);
  call->out_at += length;
  client->free_updates += 2;
  return 0;
}

static int error_of(const cro_h2_client *client, ssize_t rc)
{
  if (client->err != 0)
    return client->err;
  return rc == NGHTTP2_ERR_NOMEM ? CRO_E_NOMEM : CRO_E_PROTOCOL;
}

/* 0, or a cro_err: nghttp2 cannot go on. */
static int gather(cro_h2_client *client)
{
  const uint8_t *at;
  ssize_t n = 0;

  client->running = true;
  client->would_block = false;
  while (client->out.len < gathered_max && !client->would_block && !client->failing) {
    n = nghttp2_session_mem_send(client->session, &at);
    if (n <= 0)
      break;
    if (cro_buf_add(&client->out, (cro_bytes){ (const char *)at, (size_t)n }) != 0) {
      client->err = CRO_E_NOMEM;
      n = NGHTTP2_ERR_NOMEM;
      break;
    }
  }
  client->running = false;
  client->failing |= n < 0;
  return client->failing ? error_of(client, n) : 0;
}

/* One piece; the push's answer. */
static int push_gathered(cro_h2_client *client)
{
  cro_bytes piece = cro_buf_bytes(&client->out);
  int rc = cro_emit(&client->writer, &piece);

  client->out_full = rc == CRO_FULL;
  return rc;
}

void cro_h2_client_must(cro_h2_client *client, int rc)
{
  if (rc != NGHTTP2_ERR_NOMEM)
    return;
  client->failing = true;
  if (client->state == CRO_H2_CLIENT_DEAD)
    return;
  client->state = CRO_H2_CLIENT_DEAD;
  client->leaving = client->untold = true;
  client->err = CRO_E_NOMEM;
  client->reader.conn->ops->abort(client->reader.conn);
  cro_stage_ready(&client->reader);
}

static bool may_write(const cro_h2_client *client)
{
  return client->state != CRO_H2_CLIENT_DEAD && !client->out_full &&
         client->writer.next != NULL;
}

void cro_h2_client_flush(void *arg)
{
  cro_h2_client *client = arg;
  int rc = 0;

  if (client->running || !may_write(client))
    return;
  do {
    client->out.len = 0;
    rc = gather(client);
    if (rc == 0 && client->out.len > 0)
      rc = push_gathered(client);
  } while (rc == 0 && client->out.len > 0 && may_write(client));
  cro_buf_free(&client->out);
  if (rc < 0)
    cro_h2_client_abort(client, rc);
  cro_h2_client_judge(client);
  cro_h2_client_settle(client);
}

/* --- the end of the connection -------------------------------------------------------
 */

void cro_h2_client_terminate(cro_h2_client *client, uint32_t code, int err)
{
  if (client->state != CRO_H2_CLIENT_OPEN)
    return;
  client->state = CRO_H2_CLIENT_ENDING;
  client->leaving = true;
  client->err = err;
  cro_h2_client_must(client, nghttp2_session_terminate_session(client->session, code));
  cro_h2_call_end_all(client, err);
  cro_h2_client_flush_later(client);
}

static bool has_running_call(const cro_h2_client *client)
{
  for (const cro_list *node = client->calls.next; node != &client->calls;
       node = node->next)
    if (!CRO_CONTAINER(node, cro_h2_call, node)->over)
      return true;
  return false;
}

void cro_h2_client_judge(cro_h2_client *client)
{
  if (client->state != CRO_H2_CLIENT_OPEN ||
      nghttp2_session_want_read(client->session) != 0 ||
      (client->leaving && !has_running_call(client)))
    return;
  client->state = CRO_H2_CLIENT_ENDING;
  client->leaving = true;
  client->err = client->err != 0 ? client->err : CRO_E_PROTOCOL;
  cro_h2_call_end_all(client, client->err);
  cro_h2_client_flush_later(client);
}

void cro_h2_client_die(cro_h2_client *client, int err)
{
  if (client->state != CRO_H2_CLIENT_DEAD) {
    client->state = CRO_H2_CLIENT_DEAD;
    client->leaving = client->buried = true;
    client->err = err;
    cro_h2_call_end_all(client, err);
    cro_h2_client_rearm(client);
  }
  cro_h2_client_settle(client);
}

void cro_h2_client_abort(cro_h2_client *client, int err)
{
  if (client->state == CRO_H2_CLIENT_DEAD)
    return;
  cro_h2_client_die(client, err);
  cro_emit_fail(&client->reader, err);
  client->reader.conn->ops->abort(client->reader.conn);
}

/* After an error only what is said of it is left to be written. */
void cro_h2_client_close_if_over(cro_h2_client *client)
{
  bool failed = client->state == CRO_H2_CLIENT_ENDING;

  if (client->state == CRO_H2_CLIENT_DEAD ||
      nghttp2_session_want_write(client->session) != 0 ||
      nghttp2_session_want_read(client->session) != 0)
    return;
  cro_h2_client_die(client, client->err);
  if (failed)
    cro_emit_fail(&client->reader, client->err);
  client->reader.conn->ops->close(client->reader.conn);
}
