#include "http/body.h"

#include "base/alloc.h"
#include "base/err.h"
#include "support/test.h"

static int changes, mores;

static void on_change(cro_body *body)
{
  (void)body;
  changes++;
}

static void more(cro_body *body)
{
  (void)body;
  mores++;
}

static cro_body fresh(void)
{
  cro_body body;

  cro_body_init(&body);
  body.on_change = on_change;
  body.more = more;
  changes = mores = 0;
  return body;
}

static void what_is_put_is_taken(void)
{
  cro_body body = fresh();
  cro_buf out = { 0 };

  CHECK_INT(0, cro_body_put(&body, CRO_B("ab")));
  CHECK_INT(0, cro_body_put(&body, CRO_B("c")));
  CHECK_INT(3, body.received);
  CHECK_INT(2, changes);
  cro_body_take(&body, &out);
  CHECK_TEXT("abc", cro_buf_bytes(&out));
  CHECK_INT(0, body.held.len);
  CHECK_INT(1, mores);
  cro_body_end(&body);
  CHECK_INT(CRO_BODY_ENDED, body.state);
  CHECK_INT(3, changes);
  cro_buf_free(&out);
  cro_body_free(&body);
}

static void a_full_body_says_so_and_is_full_until_taken(void)
{
  cro_body body = fresh();
  cro_buf out = { 0 };

  CHECK_INT(0, cro_body_want(&body, 100, 4));
  CHECK(body.wanted);
  CHECK_INT(0, cro_body_put(&body, CRO_B("abc")));
  CHECK_INT(CRO_FULL, cro_body_put(&body, CRO_B("defg")));
  CHECK(body.full);
  cro_body_take(&body, &out);
  CHECK(!body.full);
  CHECK_TEXT("abcdefg", cro_buf_bytes(&out));
  cro_buf_free(&out);
  cro_body_free(&body);
}

static void a_wider_window_makes_room(void)
{
  cro_body body = fresh();

  CHECK_INT(0, cro_body_want(&body, 100, 2));
  CHECK_INT(CRO_FULL, cro_body_put(&body, CRO_B("abc")));
  CHECK_INT(0, cro_body_want(&body, 100, 10));
  CHECK(!body.full);
  CHECK_INT(2, mores);
  cro_body_free(&body);
}

static void a_body_over_its_limit_fails_and_takes_nothing_more(void)
{
  cro_body body = fresh();

  CHECK_INT(0, cro_body_want(&body, 3, 10));
  CHECK_INT(0, cro_body_put(&body, CRO_B("abc")));
  CHECK_INT(CRO_E_LIMIT, cro_body_put(&body, CRO_B("d")));
  CHECK_INT(CRO_BODY_FAILED, body.state);
  CHECK_INT(CRO_E_LIMIT, body.err);
  CHECK_INT(CRO_E_LIMIT, cro_body_put(&body, CRO_B("")));
  CHECK_INT(3, body.received);
  cro_body_free(&body);
}

static void what_is_announced_or_received_over_a_limit_is_not_wanted(void)
{
  cro_body body = fresh();

  body.length = 11;
  CHECK_INT(CRO_E_LIMIT, cro_body_want(&body, 10, 10));
  CHECK_INT(0, cro_body_want(&body, 11, 10));
  CHECK_INT(0, cro_body_put(&body, CRO_B("abc")));
  CHECK_INT(CRO_E_LIMIT, cro_body_want(&body, 2, 10));
  CHECK_INT(CRO_BODY_OPEN, body.state);
  cro_body_free(&body);
}

static void it_ends_once(void)
{
  cro_body body = fresh();

  cro_body_fail(&body, CRO_E_EOF);
  cro_body_end(&body);
  cro_body_fail(&body, CRO_E_RESET);
  CHECK_INT(CRO_BODY_FAILED, body.state);
  CHECK_INT(CRO_E_EOF, body.err);
  CHECK_INT(1, changes);
  cro_body_free(&body);
  body = fresh();
  cro_body_end(&body);
  CHECK_INT(CRO_E_STATE, cro_body_put(&body, CRO_B("a")));
  cro_body_free(&body);
}

static void a_put_without_memory_fails_the_body(void)
{
  cro_body body = fresh();

  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_body_put(&body, CRO_B("abc")));
  CHECK_INT(CRO_E_NOMEM, body.err);
  CHECK_INT(0, body.received);
  cro_body_free(&body);
}

TEST_MAIN(CASE(what_is_put_is_taken), CASE(a_full_body_says_so_and_is_full_until_taken),
          CASE(a_wider_window_makes_room),
          CASE(a_body_over_its_limit_fails_and_takes_nothing_more),
          CASE(what_is_announced_or_received_over_a_limit_is_not_wanted),
          CASE(it_ends_once), CASE(a_put_without_memory_fails_the_body))
