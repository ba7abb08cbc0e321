#include "pipe/trace.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char captured[4096];
static int saved;
static FILE *file;

static void begin_capture(void)
{
  fflush(stderr);
  saved = dup(2);
  file = tmpfile();
  dup2(fileno(file), 2);
}

static cro_bytes end_capture(void)
{
  size_t n;

  fflush(stderr);
  dup2(saved, 2);
  close(saved);
  rewind(file);
  n = fread(captured, 1, sizeof captured, file);
  fclose(file);
  return (cro_bytes){ captured, n };
}

static int pushes, answer, failed_with;

static int pass(cro_stage *stage, const void *message)
{
  pushes++;
  return stage->next != NULL ? cro_emit(stage, message) : answer;
}

static int end(cro_stage *stage)
{
  (void)stage;
  return answer;
}

static void broke(cro_stage *stage, int err)
{
  (void)stage;
  failed_with = err;
}

static void destroy(cro_stage *stage)
{
  cro_free(stage);
}

static const cro_stage_ops head_ops = { .name = "Rot13",
                                        .consumes = &cro_type_bytes,
                                        .produces = &cro_type_bytes,
                                        .push = pass,
                                        .destroy = destroy };
static const cro_stage_ops tail_ops = { .name = "Writer",
                                        .consumes = &cro_type_bytes,
                                        .push = pass,
                                        .finish = end,
                                        .fail = broke,
                                        .destroy = destroy };

static cro_stage *make(const cro_stage_ops *ops)
{
  cro_stage *stage = cro_alloc(sizeof *stage);

  cro_stage_init(stage, ops);
  return stage;
}

static cro_conn conn = { .label = "echo" };

static cro_stage *begin(void)
{
  cro_stage *head = make(&head_ops), *middle = make(&head_ops), *tail = make(&tail_ops);

  CHECK_INT(0, cro_stage_link(head, middle));
  CHECK_INT(0, cro_stage_link(middle, tail));
  cro_pipeline_attach(head, &conn);
  pushes = answer = failed_with = 0;
  return head;
}

static void shows_each_hop_and_changes_nothing(void)
{
  cro_stage *head = begin();
  cro_bytes message = CRO_B("hello"), text;

  answer = CRO_FULL;
  CHECK_INT(0, cro_trace_insert(head->next)); /* anywhere in it will do */
  begin_capture();
  CHECK_INT(CRO_FULL, head->ops->push(head, &message));
  CHECK_INT(CRO_FULL, cro_emit_finish(head));
  cro_emit_fail(head, CRO_E_RESET);
  text = end_capture();
  CHECK_INT(3, pushes);
  CHECK_INT(CRO_E_RESET, failed_with);
  CHECK(memmem(text.at, text.len, "[TRACE(echo)] Rot13 EMIT TCP Message", 36) != NULL);
  CHECK(memmem(text.at, text.len, "[TRACE(echo)] Rot13 DONE\n", 25) != NULL);
  CHECK(memmem(text.at, text.len, "QUIT connection reset by the peer\n", 34) != NULL);
  cro_pipeline_destroy(head);
}

static void half_inserted_pipelines_still_work(void)
{
  for (uint64_t n = 1; n <= 2; n++) {
    cro_stage *head = begin();
    cro_bytes message = CRO_B("x");

    cro_alloc_fail_at(n);
    CHECK_INT(CRO_E_NOMEM, cro_trace_insert(head));
    begin_capture();
    CHECK_INT(0, head->ops->push(head, &message));
    end_capture();
    CHECK_INT(3, pushes);
    cro_pipeline_destroy(head);
  }
}

static void dumps_rows_of_sixteen(void)
{
  cro_buf out = { 0 };

  CHECK_INT(0, cro_trace_dump(CRO_B("GET / HTTP/1.1\r\nHo"), &out));
  CHECK_TEXT("  47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a   GET / HTTP/1.1..\n"
             "  48 6f                                             Ho\n",
             cro_buf_bytes(&out));
  cro_buf_free(&out);
}

static void a_dump_is_bounded_and_says_so(void)
{
  cro_buf out = { 0 };

  setenv("CRO_TRACE_MAX_BINARY_DUMP", "1", 1);
  CHECK_INT(0, cro_trace_dump(CRO_B("abc"), &out));
  CHECK(memmem(out.at, out.len, "[2 bytes not displayed]", 23) != NULL);
  unsetenv("CRO_TRACE_MAX_BINARY_DUMP");
  cro_buf_free(&out);
}

static void machine_readable_events_are_one_line(void)
{
  setenv("CRO_TRACE_MACHINE_READABLE", "1", 1);
  begin_capture();
  cro_trace_write(CRO_B("l"), CRO_B("c"), "EMIT", CRO_B("a\\b\nc\n"));
  CHECK_TEXT("[TRACE(l)] c EMIT a\\\\b\\nc\n", end_capture());
  unsetenv("CRO_TRACE_MACHINE_READABLE");
}

static void is_on_unless_empty_or_zero(void)
{
  unsetenv("CRO_TRACE");
  CHECK(!cro_trace_on());
  setenv("CRO_TRACE", "", 1);
  CHECK(!cro_trace_on());
  setenv("CRO_TRACE", "0", 1);
  CHECK(!cro_trace_on());
  setenv("CRO_TRACE", "1", 1);
  CHECK(cro_trace_on());
  unsetenv("CRO_TRACE");
}

TEST_MAIN(CASE(shows_each_hop_and_changes_nothing),
          CASE(half_inserted_pipelines_still_work), CASE(dumps_rows_of_sixteen),
          CASE(a_dump_is_bounded_and_says_so),
          CASE(machine_readable_events_are_one_line), CASE(is_on_unless_empty_or_zero))
