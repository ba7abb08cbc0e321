/* The life of a stream: made in its request's arena, closed by nghttp2, released. */
#include "base/check.h"
#include "base/err.h"
#include "http/h2_session.h"

/* It does not count as open any more. */
static void count_out(cro_h2_stream *stream)
{
  if (!stream->counted)
    return;
  stream->counted = false;
  stream->h2->counted--;
  stream->h2->held_headers -= stream->head_bytes;
}

/* nghttp2 does not know it any more, or it goes itself. */
static void forget(cro_h2_stream *stream)
{
  if (stream->h2->recent == stream)
    stream->h2->recent = NULL;
}

static void detach(cro_h2_stream *stream)
{
  if (stream->h2 == NULL)
    return;
  forget(stream);
  count_out(stream);
  cro_list_remove(&stream->node);
  cro_list_remove(&stream->todo);
  stream->h2 = NULL;
}

/* The arena goes. */
static void stream_gone(void *arg)
{
  cro_h2_stream *stream = arg;

  detach(stream);
  cro_buf_free(&stream->out);
}

static void join(cro_h2 *h2, cro_h2_stream *stream)
{
  stream->counted = true;
  h2->counted++;
  h2->open++;
  cro_list_push(&h2->streams, &stream->node);
}

static void fill(cro_h2 *h2, cro_request *request, cro_h2_stream *stream, int32_t id)
{
  *stream = (cro_h2_stream){ .request = request, .id = id, .h2 = h2 };
  cro_list_init(&stream->node);
  cro_list_init(&stream->todo);
  stream->began_at = cro_h2_now(h2);
  request->major = 2;
  request->stream = id;
  request->keep_alive = true;
  request->ops = &cro_h2_request_ops;
  request->protocol = stream;
}

cro_h2_stream *cro_h2_stream_create(cro_h2 *h2, int32_t id)
{
  cro_request *request = cro_request_create(h2->reader.conn);
  cro_h2_stream *stream;

  if (request == NULL)
    return NULL;
  stream = cro_arena_alloc(request->arena, sizeof *stream);
  if (stream == NULL || cro_arena_defer(request->arena, stream_gone, stream) != 0) {
    cro_arena_drop(request->arena);
    return NULL;
  }
  fill(h2, request, stream, id);
  join(h2, stream);
  cro_arena_hold(request->arena);
  return stream;
}

cro_h2_stream *cro_h2_stream_of(cro_h2 *h2, int32_t id)
{
  cro_h2_stream *recent = h2->recent;

  if (recent != NULL && recent->id == id)
    return recent;
  recent = nghttp2_session_get_stream_user_data(h2->session, id);
  if (recent != NULL)
    h2->recent = recent;
  return recent;
}

/* --- the end ---------------------------------------------------------------------- */

void cro_h2_release(cro_h2_stream *stream, int err)
{
  cro_request *request = stream->request;

  if (stream->released)
    return;
  stream->released = true;
  if (stream->emitted && !stream->complete && stream->h2 != NULL)
    stream->h2->answers_due--;
  request->protocol = NULL;
  request->ops = NULL;
  cro_request_release(request, err);
}

static int why_closed(const cro_h2_stream *stream)
{
  if (stream->finished)
    return 0;
  if (stream->err != 0)
    return stream->err;
  return stream->peer_reset ? CRO_E_RESET : CRO_E_PROTOCOL;
}

void cro_h2_stream_closed(cro_h2_stream *stream)
{
  cro_h2 *h2 = stream->h2;
  size_t owed;

  stream->closed = true;
  forget(stream);
  stream->err = why_closed(stream);
  cro_h2_has_no_data(stream);
  owed = stream->owed;
  stream->owed = 0;
  if (owed > 0 &&
      cro_h2_must(h2, nghttp2_session_consume_connection(h2->session, owed)) == 0)
    cro_h2_credit_rest(h2);
  h2->promised -= stream->request->pushed;
  cro_list_remove(&stream->todo);
  cro_list_push(&h2->ended, &stream->todo);
  h2->closed_at = cro_h2_now(h2);
  if ((stream->received && !stream->we_reset) || stream->peer_reset)
    cro_h2_meter_note_end(&h2->meter, stream->id);
  if (--h2->open > 0)
    return;
  h2->idle_at = h2->closed_at;
  cro_h2_wait(h2, CRO_WAIT_KEEPALIVE, h2->config->timeouts->h2_idle);
}

static void drop(cro_h2_stream *stream)
{
  if (stream->dropped)
    return;
  stream->dropped = true;
  cro_arena_drop(stream->request->arena);
}

/* The last of it for the session; its arena may live on. What was reset counts as long:
 * a handler is not rid of by asking again. */
static void end_stream(cro_h2_stream *stream)
{
  cro_arena *arena = stream->request->arena;

  cro_arena_hold(arena); /* whoever is told may end the session */
  cro_h2_release(stream, stream->err);
  if (stream->closed) { /* else answered, while more of the request comes */
    if (stream->err == 0)
      detach(stream);
    drop(stream);
  }
  cro_arena_drop(arena);
}

/* The session ends before its streams have. */
static void end_all(cro_h2 *h2)
{
  cro_list *node;

  while ((node = cro_list_shift(&h2->streams)) != NULL) {
    cro_h2_stream *stream = CRO_CONTAINER(node, cro_h2_stream, node);

    cro_h2_release(stream, stream->err != 0 ? stream->err : h2->failed);
    detach(stream);
    drop(stream);
  }
  h2->open = 0;
}

/* Goes round in the list itself, so that others find all of them in it. */
void cro_h2_each_stream(cro_h2 *h2, void (*visit)(cro_h2_stream *stream, void *arg),
                        void *arg)
{
  unsigned round = ++h2->rounds;
  cro_list *node;

  while ((node = h2->streams.next) != &h2->streams) {
    cro_h2_stream *stream = CRO_CONTAINER(node, cro_h2_stream, node);
    cro_arena *arena = stream->request->arena;

    if (stream->round == round)
      return;
    stream->round = round;
    cro_list_remove(node);
    cro_list_push(&h2->streams, node);
    cro_arena_hold(arena);
    visit(stream, arg);
    cro_arena_drop(arena);
  }
}

/* Its answer can't be sent any more. */
static void release_unsent(cro_h2_stream *stream, void *arg)
{
  const cro_h2 *h2 = arg;

  cro_h2_release(stream, stream->err != 0 ? stream->err : h2->failed);
}

void cro_h2_reap(cro_h2 *h2)
{
  cro_list *node;

  while (h2->state != CRO_H2_DEAD && (node = cro_list_shift(&h2->ended)) != NULL)
    end_stream(CRO_CONTAINER(node, cro_h2_stream, todo));
  if (h2->state == CRO_H2_ENDING && !h2->released) {
    h2->released = true;
    cro_h2_each_stream(h2, release_unsent, h2);
  }
  if (h2->state == CRO_H2_DEAD)
    end_all(h2);
}

void cro_h2_reset(cro_h2_stream *stream, uint32_t code, int err)
{
  cro_h2 *h2 = stream->h2;

  if (h2 == NULL || stream->closed || stream->we_reset || h2->state == CRO_H2_DEAD)
    return;
  stream->we_reset = true;
  if (stream->err == 0)
    stream->err = err;
  (void)cro_h2_must(
      h2, nghttp2_submit_rst_stream(h2->session, NGHTTP2_FLAG_NONE, stream->id, code));
  cro_h2_flush_later(h2);
}
