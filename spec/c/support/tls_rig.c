#include "support/tls_rig.h"

#include "base/err.h"

/* --- what a side waits for ----------------------------------------------------------
 */

static tls_side *of_conn(const cro_conn *conn)
{
  return CRO_CONTAINER(conn, tls_side, conn);
}

static void side_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  tls_side *side = of_conn(conn);

  side->deadline = what == CRO_WAIT_NOTHING ? 0 : side->now + ms;
}

static uint64_t side_now(const cro_conn *conn)
{
  return of_conn(conn)->now;
}

static void side_flush_later(cro_conn *conn)
{
  of_conn(conn)->dirty = true;
}

static void side_close(cro_conn *conn)
{
  tls_side *side = of_conn(conn);

  side->tls->layer.closing = side->closing = side->dirty = true;
}

static void side_shutdown(cro_conn *conn)
{
  tls_side *side = of_conn(conn);

  side->tls->layer.shut = side->fin = side->dirty = true;
}

static void side_abort(cro_conn *conn)
{
  tls_side *side = of_conn(conn);

  side->tls->layer.closing = true;
  side->aborted = true;
}

static cro_bytes side_address(cro_conn *conn, int *port)
{
  (void)conn;
  *port = -1;
  return CRO_B("rig");
}

static const cro_conn_ops side_ops = {
  .deadline = side_deadline,
  .now = side_now,
  .flush_later = side_flush_later,
  .close = side_close,
  .shutdown = side_shutdown,
  .abort = side_abort,
  .peer = side_address,
  .local = side_address,
};

/* --- its socket ---------------------------------------------------------------------
 */

static int sink_push(cro_stage *stage, const void *message)
{
  tls_side *side = CRO_CONTAINER(stage, tls_side, sink);

  if (side->aborted)
    return CRO_E_RESET;
  if (cro_buf_add(&side->wire, *(const cro_bytes *)message) != 0)
    return CRO_E_NOMEM;
  side->dirty = true;
  side->full = side->full || side->wire.len > side->wire_max;
  return side->full ? CRO_FULL : 0;
}

static int sink_finish(cro_stage *stage)
{
  side_shutdown(stage->conn);
  return 0;
}

static void sink_fail(cro_stage *stage, int err)
{
  tls_side *side = CRO_CONTAINER(stage, tls_side, sink);

  if (side->err == 0)
    side->err = err;
  side_abort(stage->conn);
}

static void source_resume(cro_stage *stage)
{
  CRO_CONTAINER(stage, tls_side, source)->in_full = false;
}

static void nothing(cro_stage *stage)
{
  (void)stage;
}

static const cro_stage_ops source_ops = { .name = "wire in",
                                          .produces = &cro_type_bytes,
                                          .resume = source_resume,
                                          .destroy = nothing };
static const cro_stage_ops sink_ops = { .name = "wire out",
                                        .consumes = &cro_type_bytes,
                                        .push = sink_push,
                                        .finish = sink_finish,
                                        .fail = sink_fail,
                                        .destroy = nothing };

/* --- what net/tcp.c does ------------------------------------------------------------
 */

static void took(tls_side *side, int rc)
{
  if (rc == CRO_FULL)
    side->in_full = true;
  if (rc >= 0)
    return;
  side->ended = true;
  if (side->err == 0)
    side->err = rc;
  side->closing = side->dirty = true;
}

int tls_side_feed(tls_side *to, cro_bytes bytes)
{
  int rc;

  if (to->closing || to->ended || to->aborted)
    return CRO_E_CLOSED;
  rc = cro_emit(&to->source, &bytes);
  took(to, rc);
  return rc;
}

void tls_side_end(tls_side *to)
{
  if (to->closing || to->ended || to->aborted)
    return;
  to->ended = true;
  took(to, cro_emit_finish(&to->source));
}

void tls_side_break(tls_side *side, int err)
{
  if (!side->ended)
    cro_emit_fail(&side->source, err);
  side->ended = true;
  side->tls->layer.ops->ended(&side->tls->layer);
}

static void flush(tls_side *side)
{
  cro_layer *layer = &side->tls->layer;
  int rc;

  side->dirty = false;
  if (side->aborted)
    return;
  rc = layer->ops->gather(layer);
  if (rc == 0 && !side->bye && (side->closing || side->fin)) {
    side->bye = true;
    rc = layer->ops->bye(layer);
  }
  CHECK(rc >= 0 || side->tls->failed);
}

static void due(tls_side *side)
{
  if (side->deadline != 0 && side->now >= side->deadline) {
    side->deadline = 0;
    side->conn.on_deadline(side->conn.deadline_arg, CRO_WAIT_HANDSHAKE);
  }
  if (side->dirty)
    flush(side);
  if (side->full && side->wire.len <= side->wire_max) {
    side->full = false;
    cro_stage_resume(&side->sink);
  }
}

void tls_rig_turn(tls_rig *rig)
{
  do {
    while (cro_turn_run(&rig->turn))
      continue;
    due(&rig->server);
    due(&rig->client);
  } while (!cro_turn_idle(&rig->turn) || rig->server.dirty || rig->client.dirty);
}

/* --- the wire -----------------------------------------------------------------------
 */

static bool has_closed(const tls_side *side)
{
  return side->aborted || (side->bye && side->wire.len == 0);
}

size_t tls_rig_move(tls_rig *rig, tls_side *from, size_t n)
{
  tls_side *to = from == &rig->server ? &rig->client : &rig->server;
  size_t len = from->wire.len < n ? from->wire.len : n;

  if (to->in_full || len == 0)
    return 0;
  (void)tls_side_feed(to, (cro_bytes){ from->wire.at, len });
  cro_buf_drop(&from->wire, len);
  from->sent += len;
  return len;
}

void tls_rig_run(tls_rig *rig, size_t piece)
{
  size_t moved;

  do {
    tls_rig_turn(rig);
    moved = tls_rig_move(rig, &rig->client, piece);
    moved += tls_rig_move(rig, &rig->server, piece);
    tls_rig_turn(rig);
    if (has_closed(&rig->client))
      tls_side_end(&rig->server);
    if (has_closed(&rig->server))
      tls_side_end(&rig->client);
    tls_rig_turn(rig);
  } while (moved > 0 || rig->client.dirty || rig->server.dirty);
}

/* --- life ---------------------------------------------------------------------------
 */

void tls_side_start(tls_side *side)
{
  probe_init(&side->probe);
  side->probe.echo = side->echo;
  CHECK_INT(0, cro_stage_link(&side->tls->reader, &side->probe.stage));
  CHECK_INT(0, cro_stage_link(&side->probe.stage, &side->tls->writer));
  side->probe.stage.conn = &side->conn;
  CHECK_INT(0, side->tls->layer.ops->start(&side->tls->layer));
}

static void on_over(void *arg, int err)
{
  tls_side *side = arg;

  side->over++;
  side->over_err = err;
  if (err == 0 && !side->lazy)
    tls_side_start(side);
}

static void wake(cro_turn *turn)
{
  (void)turn;
}

static bool open_side(tls_rig *rig, tls_side *side, cro_tls_context *context,
                      const char *name)
{
  net_tls_plan plan = { .context = context,
                        .name = cro_bytes_of(name),
                        .port = 443,
                        .ms = 10000,
                        .over = on_over,
                        .arg = side };

  side->conn = (cro_conn){ .ops = &side_ops, .turn = &rig->turn };
  if (side->wire_max == 0)
    side->wire_max = 64 * 1024;
  cro_stage_init(&side->source, &source_ops);
  cro_stage_init(&side->sink, &sink_ops);
  if (net_tls_create(&side->tls, &plan) != 0)
    return false;
  CHECK_INT(0, cro_stage_link(&side->source, &side->tls->reader));
  CHECK_INT(0, cro_stage_link(&side->tls->writer, &side->sink));
  cro_pipeline_attach(&side->source, &side->conn);
  side->tls->writer.conn = side->sink.conn = &side->conn;
  side->tls->conn = &side->conn;
  return true;
}

static void close_side(tls_side *side)
{
  cro_buf_free(&side->wire);
  if (side->tls == NULL)
    return;
  if (side->probe.stage.ops == NULL)
    cro_pipeline_destroy(&side->tls->writer);
  cro_pipeline_destroy(&side->source);
  side->tls = NULL;
}

bool tls_rig_open(tls_rig *rig, cro_tls_context *server, cro_tls_context *client,
                  const char *name)
{
  cro_turn_init(&rig->turn, wake);
  if (!open_side(rig, &rig->server, server, "") ||
      !open_side(rig, &rig->client, client, name)) {
    tls_rig_close(rig);
    return false;
  }
  if (rig->version == 12)
    SSL_set_max_proto_version(rig->client.tls->ssl, TLS1_2_VERSION);
  net_tls_begin(rig->server.tls);
  net_tls_begin(rig->client.tls);
  return true;
}

void tls_rig_close(tls_rig *rig)
{
  close_side(&rig->server);
  close_side(&rig->client);
}
