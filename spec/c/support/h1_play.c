#include "support/h1_play.h"

#include "support/test.h"

h1_rig rig;
cro_request *kept;
int drained, released;

void open_rig(void)
{
  kept = NULL;
  drained = released = 0;
  CHECK(h1_rig_open(&rig));
  CHECK(h1_rig_start(&rig));
}

void close_rig(void)
{
  if (kept != NULL)
    cro_arena_drop(kept->arena);
  kept = NULL;
  h1_rig_close(&rig);
}

void feed(const char *in)
{
  h1_rig_feed(&rig, cro_bytes_of(in), 0);
}

void check_end(const char *want)
{
  cro_buf got = { 0 };

  h1_rig_summary(&rig, &got);
  CHECK_TEXT(want, cro_buf_bytes(&got));
  cro_buf_free(&got);
}

bool wrote(const char *text)
{
  return rig.out.len > 0 && memmem(rig.out.at, rig.out.len, text, strlen(text)) != NULL;
}

void forget(void)
{
  cro_buf_free(&rig.out);
}

/* --- handlers ----------------------------------------------------------------------
 */

static void on_release(cro_request *request, int err)
{
  (void)request;
  released = err != 0 ? err : 1;
}

void later(h1_rig *self, cro_request *request)
{
  (void)self;
  if (kept != NULL)
    cro_arena_drop(kept->arena);
  kept = request;
  request->on_release = on_release;
  cro_arena_hold(request->arena);
}

static void on_drain(cro_response *response, int err)
{
  (void)response;
  drained = err != 0 ? err : drained + 1;
}

void stream(h1_rig *self, cro_request *request)
{
  later(self, request);
  request->response->streams = true;
  request->response->on_drain = on_drain;
  h1_rig_answer(self, request);
}

void stream_five(h1_rig *self, cro_request *request)
{
  request->response->length = 5;
  stream(self, request);
}

void at_once(h1_rig *self, cro_request *request)
{
  request->response->body = CRO_B("now");
  h1_rig_answer(self, request);
}

int write_part(const char *text)
{
  return kept->response->ops->write(kept->response, cro_bytes_of(text));
}

int end_stream(void)
{
  return kept->response->ops->end(kept->response);
}

void answer_kept(const char *body)
{
  kept->response->body = cro_bytes_of(body);
  h1_rig_answer(&rig, kept);
  h1_rig_turn(&rig);
}
