/* Our client and our server, back to back: what one says in pieces of any size is what
 * the other one hears. */
#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

static h2_rig server;
static h2_text to_server, to_client;
static uint32_t seed;

static uint32_t next_random(uint32_t below)
{
  seed = seed * 1664525u + 1013904223u;
  return (seed >> 8) % below;
}

/* Links both; limits of the server may be changed before. */
static void connect_both(void)
{
  CHECK(h2c_create());
  h2c.peer.raw = &to_server;
  server.peer.raw = &to_client;
  CHECK(h2_rig_start(&server));
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  peer_turn(&h2c.peer);
  peer_turn(&server.peer);
}

static void prepare_both(void)
{
  h2_rig_open(&server);
  h2c_prepare();
}

static void close_both(void)
{
  h2c_close();
  h2_rig_close(&server);
  h2_text_free(&to_server);
  h2_text_free(&to_client);
}

/* One piece of at most `most` bytes; false when there was none. */
static bool move_piece(h2_text *from, h2_peer *to, size_t most)
{
  size_t n = most > 1 ? 1 + next_random((uint32_t)most) : 1;
  h2_text piece = { 0 };

  if (from->len == 0)
    return false;
  h2_text_add(&piece, (cro_bytes){ from->at, n < from->len ? n : from->len });
  h2_text_drop(from, piece.len);
  peer_feed(to, h2_text_bytes(&piece), 0);
  h2_text_free(&piece);
  return true;
}

/* Until nothing is under way. */
static void run_both(size_t most)
{
  bool moved = true;

  while (moved) {
    peer_turn(&h2c.peer);
    peer_turn(&server.peer);
    moved = move_piece(&to_server, &server.peer, most);
    moved = move_piece(&to_client, &h2c.peer, most) || moved;
  }
}

/* --- the server's application: an echo -----------------------------------------------
 */

static int echo_err; /* how the latest body ended */

static void echo(cro_body *body)
{
  cro_request *request = CRO_CONTAINER(body, cro_request, body);
  cro_response *response = request->response;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  echo_err = body->err;
  if (body->state == CRO_BODY_ENDED && !request->gone) {
    response->body = cro_buf_bytes(&body->held);
    for (uint32_t i = 0; i < request->trailers.count; i++)
      (void)cro_response_add(response, request->trailers.at[i].name,
                             request->trailers.at[i].value);
    (void)peer_answer(body->reader, request);
  }
  cro_arena_drop(request->arena);
}

static void echo_within(h2_peer *peer, cro_request *request, uint64_t limit,
                        size_t window)
{
  cro_arena_hold(request->arena);
  request->body.reader = peer;
  request->body.on_change = echo;
  if (request->body.state == CRO_BODY_OPEN)
    (void)cro_body_want(&request->body, limit, window);
  else
    echo(&request->body);
}

static void handle_echo(h2_peer *peer, cro_request *request)
{
  echo_within(peer, request, UINT64_MAX, 1 << 22);
}

enum { collected = 100000 };

/* As who takes a body as a whole reads: all of it may be held, and no more. */
static void handle_collected(h2_peer *peer, cro_request *request)
{
  echo_within(peer, request, collected, collected + 1);
}

/* --- the client's: each body is a pattern, and must come back ------------------------
 */

typedef struct exchange {
  cro_request *request;
  size_t length, put;
  int released; /* 1: in full */
  bool same;
} exchange;

static char pattern_at(const exchange *self, size_t at)
{
  return (char)('a' + (at * 7 + self->length) % 26);
}

static void check_echo(cro_body *body)
{
  cro_response *response = body->reader;
  exchange *self = response->request->user;

  if (body->state == CRO_BODY_OPEN)
    return;
  body->on_change = NULL;
  self->same = body->state == CRO_BODY_ENDED && body->held.len == self->length;
  for (size_t i = 0; self->same && i < self->length; i++)
    self->same = body->held.at[i] == pattern_at(self, i);
}

static void handle_answer(h2_peer *peer, cro_request *request)
{
  cro_body *body = request->response->incoming;

  (void)peer;
  body->reader = request->response;
  body->on_change = check_echo;
  if (body->state == CRO_BODY_OPEN)
    (void)cro_body_want(body, UINT64_MAX, 1 << 22);
  else
    check_echo(body);
}

static void on_release(cro_request *request, int err)
{
  exchange *self = request->user;

  CHECK_INT(0, self->released);
  self->released = err != 0 ? err : 1;
}

/* Some more of the body; true when it has ended. */
static bool put_some(exchange *self)
{
  char part[4000];
  size_t n = 1 + next_random(sizeof part - 1);

  n = n < self->length - self->put ? n : self->length - self->put;
  for (size_t i = 0; i < n; i++)
    part[i] = pattern_at(self, self->put + i);
  if (n > 0 && !self->request->body.full) {
    (void)cro_body_put(&self->request->body, (cro_bytes){ part, n });
    self->put += n;
  }
  if (self->put < self->length)
    return false;
  cro_body_end(&self->request->body);
  return true;
}

static void begin_exchange(exchange *self, size_t length)
{
  *self = (exchange){ .length = length };
  self->request = peer_request(&h2c.peer, CRO_POST, "/echo");
  self->request->user = self;
  self->request->on_release = on_release;
  self->request->body.length = next_random(2) == 0 ? -1 : (int64_t)self->length;
  self->request->expect_continue = next_random(4) == 0 && self->length > 0;
  if (next_random(2) == 0)
    (void)cro_headers_add(&self->request->trailers, self->request->arena, CRO_B("sum"),
                          CRO_B("12"));
  CHECK(peer_ask(&h2c.peer, self->request) >= 0);
}

enum { exchanges = 20 };

static size_t any_size(void)
{
  static const size_t sizes[] = { 0, 1, 100, 16384, 16385, 65536, 200000 };

  return sizes[next_random(7)];
}

/* Both know what the other one takes. */
static void meet(void)
{
  h2c.config.waiting = exchanges;
  h2c.peer.handler = handle_answer;
  connect_both();
  run_both(100);
}

/* Bodies of so many bytes there and back; 0: of any size. */
static void exchange_all(size_t most, size_t length)
{
  exchange all[exchanges];
  size_t open = exchanges;

  for (size_t i = 0; i < exchanges; i++)
    begin_exchange(&all[i], length > 0 ? length : any_size());
  while (open > 0) {
    open = 0;
    for (size_t i = 0; i < exchanges; i++)
      open += all[i].released == 0 && (all[i].request->body.state != CRO_BODY_OPEN ||
                                       !put_some(&all[i]) || all[i].released == 0);
    run_both(most);
  }
  for (size_t i = 0; i < exchanges; i++) {
    CHECK_INT(1, all[i].released);
    CHECK(all[i].same);
    peer_drop(all[i].request);
  }
}

static void exchange_many(size_t most, uint64_t window, uint64_t streams)
{
  prepare_both();
  server.h2_limits.stream_window = window;
  server.h2_limits.max_streams = streams;
  h2c.h2.stream_window = window;
  server.peer.handler = handle_echo;
  meet();
  exchange_all(most, 0);
  CHECK_INT(0, cro_h2_client_open(h2c.client));
  CHECK(!cro_h2_busy(server.h2));
  close_both();
}

static void bodies_come_back_however_they_are_cut(void)
{
  for (seed = 1; seed <= 5; seed++) {
    exchange_many(20000, 65536, 100);
    exchange_many(100, 65536, 100);
  }
}

static void bodies_come_back_through_small_windows_and_few_streams(void)
{
  seed = 7;
  exchange_many(3000, 1000, 2);
  exchange_many(30000, 100, 1);
  exchange_many(500, 65535, 3);
}

/* What is withheld of many bodies, or of one near its end, must stop none of them. */
static void bodies_that_are_collected_come_up_to_their_limit(void)
{
  static const size_t lengths[] = { collected - 65536, collected - 32768, collected - 1,
                                    collected };

  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
    seed = (uint32_t)i;
    prepare_both();
    server.h2_limits.connection_window = 1 << 20;
    server.peer.handler = handle_collected;
    meet();
    exchange_all(i % 2 == 0 ? 30000 : 700, lengths[i]);
    close_both();
  }
}

/* Not even a length says that it is too much. */
static void one_that_is_larger_fails(void)
{
  exchange one;

  prepare_both();
  server.peer.handler = handle_collected;
  meet();
  begin_exchange(&one, 4 * collected);
  echo_err = 0;
  for (int i = 0; i < 1000 && echo_err == 0; i++) {
    (void)put_some(&one);
    run_both(5000);
  }
  CHECK_INT(CRO_E_LIMIT, echo_err);
  cro_h2_client_cancel(one.request);
  peer_drop(one.request);
  close_both();
}

static void ignore(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

static void bodies_that_nobody_takes_stop_no_others(void)
{
  enum { ignored = 40 };
  exchange all[ignored];

  prepare_both();
  server.peer.handler = ignore;
  meet();
  h2c.config.waiting = ignored;
  for (size_t i = 0; i < ignored; i++) {
    begin_exchange(&all[i], 70000);
    for (int n = 0; n < 100; n++) {
      (void)put_some(&all[i]);
      run_both(30000);
    }
    CHECK_INT(0, all[i].released);
  }
  server.peer.handler = handle_collected;
  exchange_all(30000, 5000);
  for (size_t i = 0; i < ignored; i++) {
    cro_h2_client_cancel(all[i].request);
    peer_drop(all[i].request);
  }
  close_both();
}

/* --- other talk ----------------------------------------------------------------------
 */

static void a_drained_server_finishes_what_it_has_taken(void)
{
  prepare_both();
  connect_both();
  CHECK_INT(0, h2c_get("/a"));
  cro_h2_drain(server.h2);
  run_both(50);
  CHECK(memmem(h2c.peer.log.at, h2c.peer.log.len, "[hi]", 4) != NULL);
  CHECK_INT(CRO_E_CLOSED, h2c_get("/b"));
  CHECK(!peer_is_open(&h2c.peer));
  CHECK(!peer_is_open(&server.peer));
  close_both();
}

static void keep(h2_peer *peer, cro_request *request)
{
  cro_arena_hold(request->arena);
  peer->user = request;
}

static void a_cancelled_request_is_gone_for_the_server(void)
{
  cro_request *asked, *taken;

  prepare_both();
  connect_both();
  server.peer.handler = keep;
  asked = h2c_ask(CRO_POST, -1);
  run_both(10);
  taken = server.peer.user;
  CHECK(taken != NULL && !taken->gone);
  cro_h2_client_cancel(asked);
  run_both(10);
  CHECK(taken->gone);
  CHECK_INT(CRO_E_RESET, taken->body.err);
  cro_arena_drop(taken->arena);
  peer_drop(asked);
  close_both();
}

static bool accept_push(void *arg, cro_request *promised, cro_request *asked)
{
  (void)asked;
  promised->user = arg;
  return true;
}

static void push_and_answer(h2_peer *peer, cro_request *request)
{
  static const cro_headers none;

  if (!request->pushed)
    CHECK_INT(0, request->ops->push(request, CRO_B("/pushed"), &none));
  request->response->body = request->path;
  (void)peer_answer(peer, request);
}

static void a_promise_comes_through(void)
{
  prepare_both();
  h2c.config.on_push = accept_push;
  h2c.config.arg = &h2c.peer;
  server.peer.handler = push_and_answer;
  connect_both();
  CHECK_INT(0, h2c_get("/page"));
  run_both(30);
  CHECK(memmem(h2c.peer.log.at, h2c.peer.log.len, "[/page]", 7) != NULL);
  CHECK(memmem(h2c.peer.log.at, h2c.peer.log.len, "[/pushed]", 9) != NULL);
  CHECK_INT(2, h2c.peer.messages);
  CHECK_INT(0, cro_h2_client_open(h2c.client));
  close_both();
}

static void a_client_that_wants_no_promises_gets_none(void)
{
  prepare_both();
  server.peer.handler = push_and_answer;
  connect_both();
  run_both(100);
  server.peer.handler = keep;
  CHECK_INT(0, h2c_get("/page"));
  run_both(30);
  CHECK_INT(CRO_E_NOTSUP,
            ((cro_request *)server.peer.user)
                ->ops->push(server.peer.user, CRO_B("/x"), &(cro_headers){ 0 }));
  cro_arena_drop(((cro_request *)server.peer.user)->arena);
  close_both();
}

TEST_MAIN(CASE(bodies_come_back_however_they_are_cut),
          CASE(bodies_come_back_through_small_windows_and_few_streams),
          CASE(bodies_that_are_collected_come_up_to_their_limit),
          CASE(one_that_is_larger_fails), CASE(bodies_that_nobody_takes_stop_no_others),
          CASE(a_drained_server_finishes_what_it_has_taken),
          CASE(a_cancelled_request_is_gone_for_the_server),
          CASE(a_promise_comes_through),
          CASE(a_client_that_wants_no_promises_gets_none))
