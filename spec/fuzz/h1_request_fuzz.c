/* The server's reader and writer: the same bytes in one piece, in two and in many give
 * the same requests, the same answers and the same end of the connection; the answers
 * are well formed, no more than the requests ask for, and small.
 *
 * The first byte chooses the cuts; the rest is the peer's. */
#include "base/check.h"
#include "cuts.h"
#include "support/h1_rig.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct outcome {
  cro_buf log, out, end;
} outcome;

/* Whether 100 Continue is still worth saying is a matter of time too. */
static void drop_continue(cro_buf *out)
{
  static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
  char *at;

  while (out->len > 0 &&
         (at = memmem(out->at, out->len, text, sizeof text - 1)) != NULL) {
    size_t before = (size_t)(at - out->at), rest = out->len - before;

    memmove(at, at + sizeof text - 1, rest - (sizeof text - 1));
    out->len -= sizeof text - 1;
  }
}

enum { answer_bytes = 512 }; /* more than any of ours */

/* Of an answer to HEAD or CONNECT the summary cannot tell where it ends. */
static bool is_framed(cro_bytes in)
{
  return memmem(in.at, in.len, "HEAD", 4) == NULL &&
         memmem(in.at, in.len, "CONNECT", 7) == NULL;
}

static void check_answers(cro_bytes in, const h1_rig *rig)
{
  cro_buf summary = { 0 };
  size_t answers = 0;

  h1_rig_summary(rig, &summary);
  for (size_t i = 0; i < summary.len; i++)
    answers += summary.at[i] == ' ';
  cro_check(rig->out.len <= (rig->requests + 1) * answer_bytes);
  if (is_framed(in)) {
    cro_check(cro_bytes_find(cro_buf_bytes(&summary), '?') == summary.len);
    cro_check(answers <= rig->requests + 1);
  }
  cro_buf_free(&summary);
}

static void run(cro_bytes in, size_t first, size_t step, outcome *seen)
{
  h1_rig rig;
  cro_bytes in_full = in, head = cro_bytes_take(&in, first);

  if (!h1_rig_open(&rig))
    abort();
  rig.limits.header_bytes = 600; /* near, so that inputs reach them */
  rig.limits.uri_bytes = 100;
  rig.limits.header_count = 8;
  rig.limits.chunk_overhead = 64;
  if (!h1_rig_start(&rig))
    abort();
  h1_rig_feed(&rig, head, 0);
  h1_rig_feed(&rig, in, step);
  drop_continue(&rig.out);
  check_answers(in_full, &rig);
  if (strcmp(rig.end, "linger") == 0)
    rig.end = "close"; /* whether there is more to throw away is a matter of time */
  h1_rig_summary(&rig, &seen->end);
  seen->log = rig.log;
  seen->out = rig.out;
  rig.log = rig.out = (cro_buf){ 0 };
  h1_rig_close(&rig);
}

static void drop(outcome *seen)
{
  cro_buf_free(&seen->log);
  cro_buf_free(&seen->out);
  cro_buf_free(&seen->end);
}

static bool same(const cro_buf *a, const cro_buf *b)
{
  return cro_bytes_eq(cro_buf_bytes(a), cro_buf_bytes(b));
}

static void expect_same(const outcome *whole, const outcome *cut, size_t first,
                        size_t step)
{
  if (same(&whole->log, &cut->log) && same(&whole->end, &cut->end) &&
      same(&whole->out, &cut->out))
    return;
  fprintf(stderr, "whole: %.*s\n%.*s\ncut %zu, step %zu: %.*s\n%.*s\n",
          (int)whole->end.len, whole->end.at, (int)whole->log.len, whole->log.at, first,
          step, (int)cut->end.len, cut->end.at, (int)cut->log.len, cut->log.at);
  abort();
}

static void compare(cro_bytes in, const outcome *whole, size_t first, size_t step)
{
  outcome cut = { 0 };

  run(in, first, step, &cut);
  expect_same(whole, &cut, first, step);
  drop(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  outcome whole = { 0 };
  cro_bytes in = { (const char *)data + 1, size - 1 };

  if (size < 2)
    return 0;
  run(in, 0, 0, &whole);
  for (size_t i = 0; i < cuts_of(in.len); i++)
    compare(in, &whole, cut_at(i, in.len, data[0]), 0);
  compare(in, &whole, 0, 1 + data[0] % 13);
  compare(in, &whole, 0, 1);
  drop(&whole);
  return 0;
}
