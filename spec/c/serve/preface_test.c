#include "serve/preface.h"

#include "base/alloc.h"
#include "base/err.h"
#include "http/h2.h"
#include "support/test.h"

/* What follows the stage notes all it gets. */
typedef struct tail {
  cro_stage stage; /* first */
  cro_buf got;
  int answer, finishes, deadlines;
} tail;

/* A connection without a socket: what is waited for, and how it has ended. */
typedef struct rig {
  cro_conn conn; /* first */
  cro_stage head;
  serve_preface *preface;
  tail tail;
  int decided, is_h2, refusal;
  uint64_t waits_ms;
  int closed, aborted;
} rig;

static int tail_push(cro_stage *stage, const void *message)
{
  tail *self = (tail *)stage;

  CHECK_INT(0, cro_buf_add(&self->got, *(const cro_bytes *)message));
  return self->answer;
}

static int tail_finish(cro_stage *stage)
{
  ((tail *)stage)->finishes++;
  return 0;
}

static void stay(cro_stage *stage)
{
  (void)stage; /* part of the rig */
}

static const cro_stage_ops head_ops = { .name = "Head",
                                        .produces = &cro_type_bytes,
                                        .destroy = stay };
static const cro_stage_ops tail_ops = { .name = "Tail",
                                        .consumes = &cro_type_bytes,
                                        .push = tail_push,
                                        .finish = tail_finish,
                                        .destroy = stay };

static void set_deadline(cro_conn *conn, cro_wait what, uint64_t ms)
{
  CHECK_INT(CRO_WAIT_HEADER, what);
  ((rig *)conn)->waits_ms = ms;
}

static void close_conn(cro_conn *conn)
{
  ((rig *)conn)->closed++;
}

static void abort_conn(cro_conn *conn)
{
  ((rig *)conn)->aborted++;
}

static const cro_conn_ops conn_ops = { .deadline = set_deadline,
                                       .close = close_conn,
                                       .abort = abort_conn };

static void tail_deadline(void *arg, cro_wait what)
{
  CHECK_INT(CRO_WAIT_HEADER, what);
  ((rig *)arg)->tail.deadlines++;
}

static int decide(void *arg, bool is_h2)
{
  rig *self = arg;

  self->decided++;
  self->is_h2 = is_h2;
  if (self->refusal != 0)
    return self->refusal;
  CHECK_INT(0, cro_stage_link(serve_preface_stage(self->preface), &self->tail.stage));
  self->conn.on_deadline = tail_deadline;
  self->conn.deadline_arg = self;
  return 0;
}

static void rig_open(rig *self)
{
  *self = (rig){ .conn = { .ops = &conn_ops } };
  cro_stage_init(&self->head, &head_ops);
  cro_stage_init(&self->tail.stage, &tail_ops);
  CHECK_INT(0, serve_preface_create(&self->preface, NULL, decide, self));
  CHECK_INT(0, cro_stage_link(&self->head, serve_preface_stage(self->preface)));
  cro_pipeline_attach(&self->head, &self->conn);
  serve_preface_start(self->preface, 10000);
}

static void rig_close(rig *self)
{
  cro_pipeline_destroy(&self->head);
  cro_buf_free(&self->tail.got);
}

/* Pushes the text cut before `cut`, and the rest at once or byte by byte. */
static int feed(rig *self, const char *text, size_t cut, bool slowly)
{
  cro_bytes all = cro_bytes_of(text), part = cro_bytes_take(&all, cut);
  int rc = part.len > 0 ? cro_emit(&self->head, &part) : 0;

  while (rc == 0 && all.len > 0) {
    part = cro_bytes_take(&all, slowly ? 1 : all.len);
    rc = cro_emit(&self->head, &part);
  }
  return rc;
}

static void tells(const char *text, bool is_h2)
{
  for (size_t cut = 0; cut <= strlen(text); cut++) {
    for (int slowly = 0; slowly < 2; slowly++) {
      rig self;

      rig_open(&self);
      CHECK_INT(0, feed(&self, text, cut, slowly != 0));
      CHECK_INT(1, self.decided);
      CHECK_INT(is_h2, self.is_h2);
      CHECK_TEXT(text, cro_buf_bytes(&self.tail.got));
      CHECK(self.head.next == &self.tail.stage); /* it has left */
      CHECK(self.tail.stage.prev == &self.head);
      rig_close(&self);
    }
  }
}

static void a_preface_cut_anywhere_is_http2(void)
{
  tells(CRO_H2_PREFACE, true);
  tells(CRO_H2_PREFACE "\0\0\0\4", true);
}

static void anything_else_cut_anywhere_is_http1(void)
{
  tells("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false);
  tells("POST / HTTP/1.1\r\n", false);
  tells("PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n", false);
  tells("PRI * HTTP/1.1\r\n", false);
  tells("PROPFIND /x HTTP/1.1\r\n", false);
  tells("\r\n", false);
}

static void nothing_is_decided_by_half_a_preface(void)
{
  rig self;

  rig_open(&self);
  CHECK_INT(10000, self.waits_ms);
  CHECK_INT(0, feed(&self, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", 3, true));
  CHECK_INT(0, self.decided);
  rig_close(&self);
}

static void the_end_of_input_is_http1s_to_judge(void)
{
  static const char *const texts[] = { "", "P", "PRI * HTTP/2.0\r\n" };

  for (size_t i = 0; i < 3; i++) {
    rig self;

    rig_open(&self);
    CHECK_INT(0, feed(&self, texts[i], 0, false));
    CHECK_INT(0, cro_emit_finish(&self.head));
    CHECK_INT(0, self.is_h2);
    CHECK_INT(1, self.tail.finishes);
    CHECK_TEXT(texts[i], cro_buf_bytes(&self.tail.got));
    rig_close(&self);
  }
}

static void who_says_nothing_in_time_is_closed(void)
{
  rig self;

  rig_open(&self);
  self.conn.on_deadline(self.conn.deadline_arg, CRO_WAIT_HEADER);
  CHECK_INT(1, self.closed);
  CHECK_INT(0, self.decided);
  rig_close(&self);
}

static void who_says_half_in_time_is_http1s_to_refuse(void)
{
  rig self;

  rig_open(&self);
  CHECK_INT(0, feed(&self, "PRI", 0, false));
  self.conn.on_deadline(self.conn.deadline_arg, CRO_WAIT_HEADER);
  CHECK_INT(0, self.closed + self.aborted);
  CHECK_INT(1, self.tail.deadlines);
  CHECK_TEXT("PRI", cro_buf_bytes(&self.tail.got));
  rig_close(&self);
}

static void a_pipeline_that_cannot_be_made_ends_the_connection(void)
{
  rig self;

  rig_open(&self);
  self.refusal = CRO_E_NOMEM;
  CHECK_INT(CRO_E_NOMEM, feed(&self, "GET", 0, false));
  CHECK_INT(1, self.decided);
  rig_close(&self);

  rig_open(&self);
  self.refusal = CRO_E_NOMEM;
  CHECK_INT(0, feed(&self, "PR", 0, false));
  self.conn.on_deadline(self.conn.deadline_arg, CRO_WAIT_HEADER);
  CHECK_INT(1, self.aborted);
  rig_close(&self);
}

static void what_follows_answers_for_itself(void)
{
  rig self;

  rig_open(&self);
  self.tail.answer = CRO_FULL;
  CHECK_INT(CRO_FULL, feed(&self, "GET", 0, false));
  rig_close(&self);

  rig_open(&self);
  self.tail.answer = CRO_E_PROTOCOL;
  CHECK_INT(CRO_E_PROTOCOL, feed(&self, "GET", 0, false));
  rig_close(&self);
}

static void no_memory_is_told(void)
{
  serve_preface *preface;

  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, serve_preface_create(&preface, NULL, decide, NULL));
  cro_alloc_fail_at(0);
}

TEST_MAIN(CASE(a_preface_cut_anywhere_is_http2),
          CASE(anything_else_cut_anywhere_is_http1),
          CASE(nothing_is_decided_by_half_a_preface),
          CASE(the_end_of_input_is_http1s_to_judge),
          CASE(who_says_nothing_in_time_is_closed),
          CASE(who_says_half_in_time_is_http1s_to_refuse),
          CASE(a_pipeline_that_cannot_be_made_ends_the_connection),
          CASE(what_follows_answers_for_itself), CASE(no_memory_is_told))
