#include "http/message.h"

#include "base/alloc.h"
#include "base/date.h"
#include "base/err.h"
#include "http/h1.h"
#include "http/status.h"
#include "support/test.h"

#include <stdlib.h>
#include <time.h>

static int told_err, told, drain_err;

static void on_release(cro_request *request, int err)
{
  told++;
  told_err = err;
  CHECK(request->gone);
}

static void on_drain(cro_response *response, int err)
{
  (void)response;
  drain_err = err;
}

static void methods_have_names_both_ways(void)
{
  for (int i = 0; i < CRO_METHOD_COUNT; i++)
    CHECK_INT(i, cro_method_find(cro_method_name((cro_method)i)));
  CHECK_INT(CRO_METHOD_NONE, cro_method_find(CRO_B("get")));
  CHECK_INT(CRO_METHOD_NONE, cro_method_find(CRO_B("GE")));
  CHECK_INT(CRO_METHOD_NONE, cro_method_find(CRO_B("")));
  CHECK_TEXT("", cro_method_name(CRO_METHOD_NONE));
}

static void statuses_have_phrases_and_lines(void)
{
  CHECK_TEXT("Not Found", cro_status_phrase(404));
  CHECK_TEXT("HTTP/1.1 404 Not Found\r\n", cro_status_line(404));
  CHECK_TEXT("Network Authentication Required", cro_status_phrase(511));
  CHECK_TEXT("Continue", cro_status_phrase(100));
  CHECK_TEXT("Unknown", cro_status_phrase(99));
  CHECK_TEXT("Unknown", cro_status_phrase(299));
  CHECK_TEXT("Unknown", cro_status_phrase(512));
  CHECK_INT(0, cro_status_line(299).len);
}

static void the_date_is_a_whole_field_line(void)
{
  cro_bytes line = { cro_http_date_line(), CRO_DATE_LINE_LENGTH };
  cro_bytes date = { line.at + 6, 29 };
  int64_t read = 0, now = (int64_t)time(NULL);

  CHECK(memcmp(line.at, "Date: ", 6) == 0);
  CHECK(memcmp(line.at + 31, " GMT\r\n", 6) == 0);
  CHECK_INT(0, cro_date_parse(date, now, &read));
  CHECK(read >= now - 2 && read <= now + 2);
}

static void a_kept_head_outlives_its_buffer(void)
{
  cro_request *request = cro_request_create(NULL);
  char *head = malloc(16);
  cro_bytes at = { head, 16 };

  memcpy(head, "GET /p?q h Name:", 16);
  request->target = (cro_bytes){ head + 4, 4 };
  request->path = (cro_bytes){ head + 4, 2 };
  request->query = (cro_bytes){ head + 7, 1 };
  request->authority = (cro_bytes){ head + 9, 1 };
  CHECK_INT(0,
            cro_headers_add(&request->headers, request->arena,
                            (cro_bytes){ head + 11, 4 }, (cro_bytes){ head + 16, 0 }));
  CHECK_INT(0, cro_headers_add(&request->headers, request->arena, CRO_B("Own"),
                               CRO_B("value")));
  CHECK_INT(0, cro_request_keep(request, at));
  memset(head, '#', 16);
  free(head);
  CHECK_TEXT("/p?q", request->target);
  CHECK_TEXT("/p", request->path);
  CHECK_TEXT("q", request->query);
  CHECK_TEXT("h", request->authority);
  CHECK_TEXT("", cro_headers_find(&request->headers, CRO_B("name"))->value);
  CHECK_TEXT("value", cro_headers_find(&request->headers, CRO_B("OWN"))->value);
  cro_request_release(request, 0);
}

static void a_head_that_cannot_be_kept_is_forgotten(void)
{
  cro_request *request = cro_request_create(NULL);
  char big[8192];

  memset(big, 'x', sizeof big);
  request->target = request->path = (cro_bytes){ big, sizeof big };
  CHECK_INT(0, cro_headers_add(&request->headers, request->arena, (cro_bytes){ big, 1 },
                               (cro_bytes){ big, 1 }));
  cro_alloc_fail_at(1);
  CHECK_INT(CRO_E_NOMEM, cro_request_keep(request, (cro_bytes){ big, sizeof big }));
  CHECK_INT(0, request->target.len + request->path.len + request->headers.count);
  cro_request_release(request, 0);
}

static void release_tells_whoever_waits(void)
{
  cro_request *request = cro_request_create(NULL);

  told = drain_err = 0;
  request->on_release = on_release;
  request->response->on_drain = on_drain;
  cro_arena_hold(request->arena);
  cro_request_release(request, CRO_E_RESET);
  CHECK_INT(1, told);
  CHECK_INT(CRO_E_RESET, told_err);
  CHECK_INT(CRO_E_RESET, drain_err);
  CHECK_INT(CRO_E_RESET, request->body.err);
  CHECK_INT(CRO_RESPONSE_ENDED, request->response->state);
  CHECK_INT(CRO_E_GONE, cro_response_set(request->response, CRO_B("A"), CRO_B("b")));
  CHECK_INT(CRO_E_GONE, cro_response_body(request->response, CRO_B("b")));
  CHECK_INT(CRO_E_GONE,
            cro_response_trailer(request->response, CRO_B("A"), CRO_B("b")));
  cro_arena_drop(request->arena);
}

static void release_in_full_breaks_nothing_but_an_unread_body(void)
{
  cro_request *request = cro_request_create(NULL);

  told = drain_err = 0;
  request->on_release = on_release;
  request->response->on_drain = on_drain;
  cro_arena_hold(request->arena);
  cro_request_release(request, 0);
  CHECK_INT(0, told_err);
  CHECK_INT(0, drain_err);
  CHECK_INT(CRO_E_GONE, request->body.err);
  cro_arena_drop(request->arena);
}

static void what_the_protocol_says_itself_cannot_be_set(void)
{
  static const char *const names[] = { "Content-Length",
                                       "TRANSFER-ENCODING",
                                       "Connection",
                                       "Keep-Alive",
                                       "Date",
                                       "te",
                                       "Trailer",
                                       "Upgrade",
                                       "Proxy-Connection" };
  cro_request *request = cro_request_create(NULL);
  cro_response *response = request->response;

  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    CHECK_INT(CRO_E_STATE,
              cro_response_set(response, cro_bytes_of(names[i]), CRO_B("x")));
  response->status = 101;
  CHECK_INT(0, cro_response_set(response, CRO_B("Upgrade"), CRO_B("x")));
  response->state = CRO_RESPONSE_STREAMING;
  CHECK_INT(CRO_E_STATE, cro_response_set(response, CRO_B("A"), CRO_B("x")));
  CHECK_INT(CRO_E_STATE, cro_response_body(response, CRO_B("x")));
  CHECK_INT(0, cro_response_trailer(response, CRO_B("A"), CRO_B("x")));
  cro_request_release(request, 0);
}

static void values_and_names_are_checked(void)
{
  static const cro_bytes bad[] = {
    CRO_B_INIT("a\nb"), CRO_B_INIT("a\rb"),   CRO_B_INIT("a\0b"), CRO_B_INIT(" a"),
    CRO_B_INIT("a "),   CRO_B_INIT("a\tb\t"), CRO_B_INIT("\x7f"), CRO_B_INIT("\x1b[0m"),
  };
  cro_request *request = cro_request_create(NULL);

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    CHECK_INT(CRO_E_INVAL, cro_response_add(request->response, CRO_B("A"), bad[i]));
    CHECK_INT(CRO_E_INVAL, cro_response_add(request->response, bad[i], CRO_B("v")));
    CHECK_INT(CRO_E_INVAL,
              cro_response_set(request->response, CRO_B("Content-Type"), bad[i]));
  }
  CHECK_INT(CRO_E_INVAL, cro_response_add(request->response, CRO_B(""), CRO_B("v")));
  CHECK_INT(CRO_E_INVAL, cro_response_add(request->response, CRO_B("A:"), CRO_B("v")));
  CHECK_INT(0, cro_response_add(request->response, CRO_B("A"), CRO_B("")));
  CHECK_INT(0, cro_response_add(request->response, CRO_B("A"), CRO_B("\xc3\xa9\tb")));
  cro_request_release(request, 0);
}

static void headers_are_ordered_and_removed_together(void)
{
  cro_request *request = cro_request_create(NULL);
  cro_headers *headers = &request->headers;
  uint32_t from = 0;

  for (int i = 0; i < 40; i++)
    CHECK_INT(0, cro_headers_add(headers, request->arena,
                                 i % 2 ? CRO_B("A") : CRO_B("B"), CRO_B("v")));
  CHECK(cro_headers_next(headers, CRO_B("a"), &from) == &headers->at[1]);
  CHECK(cro_headers_next(headers, CRO_B("a"), &from) == &headers->at[3]);
  CHECK_INT(20, cro_headers_remove(headers, CRO_B("a")));
  CHECK_INT(0, cro_headers_remove(headers, CRO_B("a")));
  CHECK_INT(20, headers->count);
  CHECK(cro_headers_find(headers, CRO_B("a")) == NULL);
  cro_request_release(request, 0);
}

static void a_trace_shows_the_head(void)
{
  cro_request *request = cro_request_create(NULL);
  cro_response *response = request->response;
  cro_buf text = { 0 };

  request->method = CRO_PUT;
  request->target = CRO_B("/a?b");
  CHECK_INT(
      0, cro_headers_add(&request->headers, request->arena, CRO_B("Host"), CRO_B("h")));
  cro_type_request.trace(request, &text);
  CHECK_TEXT("HTTP Request\n  PUT /a?b\n  Host: h", cro_buf_bytes(&text));
  cro_buf_free(&text);
  response->status = 404;
  response->type = CRO_B("text/plain");
  CHECK_INT(0, cro_response_body_ref(response, CRO_B("static")));
  cro_type_response.trace(response, &text);
  CHECK_TEXT("HTTP Response\n  404 Not Found\n  Content-Type: text/plain",
             cro_buf_bytes(&text));
  CHECK_TEXT("static", response->body);
  cro_buf_free(&text);
  cro_request_release(request, 0);
}

static void a_request_without_memory_is_none(void)
{
  for (uint64_t n = 1; n < 3; n++) {
    cro_request *request;

    cro_arena_trim();
    cro_alloc_fail_at(n);
    request = cro_request_create(NULL);
    CHECK(n > 1 || request == NULL);
    cro_alloc_fail_at(0);
    if (request != NULL)
      cro_request_release(request, 0);
  }
}

TEST_MAIN(CASE(methods_have_names_both_ways), CASE(statuses_have_phrases_and_lines),
          CASE(the_date_is_a_whole_field_line), CASE(a_kept_head_outlives_its_buffer),
          CASE(a_head_that_cannot_be_kept_is_forgotten),
          CASE(release_tells_whoever_waits),
          CASE(release_in_full_breaks_nothing_but_an_unread_body),
          CASE(what_the_protocol_says_itself_cannot_be_set),
          CASE(values_and_names_are_checked),
          CASE(headers_are_ordered_and_removed_together), CASE(a_trace_shows_the_head),
          CASE(a_request_without_memory_is_none))
