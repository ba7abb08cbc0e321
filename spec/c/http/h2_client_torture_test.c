/* Memory that runs out in a client's session, anywhere in a whole conversation: each
 * request ends once, nothing is left, nobody is called who has gone. */
#include "base/alloc.h"
#include "base/arena.h"
#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

/* Two requests with bodies, one without, a tunnel; three promises, one of them refused;
 * trailers, interim answers, small windows, a stream that is refused, a PING, GOAWAY.
 */
static const char greeting[] = "settings 0 u16:8 u32:1 u16:4 u32:2; settings 0 ack";
static const char beginning[] =
    "headers 1 eh {:status: 100}; push 1 eh u31:2 get {a: b}; push 1 eh u31:4 get {c: "
    "d}; "
    "headers 2 eh ok {x: y}; data 2 'pushed'; headers 1 eh ok {e: f}; "
    "data 1 fill:16384; window 1 u31:100; window 3 u31:100; data 1 fill:16384";
static const char rest[] =
    "data 1 fill:16384; data 2 es 'more'; push 1 eh u31:6 get {g: h}; "
    "headers 6 eh es ok; headers 1 eh es {t: v}; headers 5 eh es ok; ping 0 zeros:8; "
    "headers 3 eh es ok {A: b}; headers 9 eh ok; data 9 'tunnel'; rst 7 u32:7; "
    "goaway 0 u31:9 u32:0; data 9 es 'end'";

static unsigned asked, over;
static cro_body *held;        /* of the first answer, taken later */
static cro_request *given_up; /* later, while nothing else happens */

static bool on_push(void *arg, cro_request *request, cro_request *by)
{
  (void)arg;
  return by != NULL && request->stream != 4;
}

static void count_over(cro_request *request, int err)
{
  (void)err;
  request->body.on_change = NULL;
  if (request->response->incoming == held)
    held = NULL;
  if (request == given_up)
    given_up = NULL;
  over++;
}

/* Takes what comes at once, as who waits for it would. */
static void take_all(cro_body *body)
{
  cro_buf taken = { 0 };

  cro_body_take(body, &taken);
  cro_buf_free(&taken);
}

static void handle(h2_peer *peer, cro_request *request)
{
  cro_body *body = request->response->incoming;

  (void)peer;
  if (request->stream == 1) {
    held = body;
    return;
  }
  (void)cro_body_want(body, UINT64_MAX, SIZE_MAX);
  if (request->stream == 5)
    cro_h2_client_cancel(request);
  else if (body->state == CRO_BODY_OPEN)
    body->on_change = take_all;
}

/* NULL when there is no memory for it, or it was not taken. */
static cro_request *ask(cro_method method, cro_bytes protocol, const char *body)
{
  cro_request *request = peer_request(&h2c.peer, method, "/");
  int rc;

  if (request == NULL)
    return NULL;
  request->protocol_name = protocol;
  request->on_release = count_over;
  request->body.length = body != NULL ? -1 : 0;
  request->expect_continue = body != NULL && method == CRO_POST;
  (void)cro_headers_add(&request->trailers, request->arena, CRO_B("t"), CRO_B("v"));
  rc = peer_ask(&h2c.peer, request);
  if (rc < 0) {
    peer_drop(request);
    return NULL;
  }
  asked++;
  if (body == NULL)
    return request;
  (void)cro_body_put(&request->body, cro_bytes_of(body));
  cro_body_end(&request->body);
  return request;
}

/* From here on it is the session's alone. */
static void drop(cro_request *request)
{
  if (request != NULL)
    peer_drop(request);
}

static void feed(const char *script, size_t step)
{
  h2_text in = { 0 };

  h2_script(&in, script);
  peer_feed(&h2c.peer, h2_text_bytes(&in), step);
  h2_text_free(&in);
}

static void converse(size_t step)
{
  cro_request *last;

  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  h2c.peer.handler = handle;
  drop(ask(CRO_POST, CRO_B(""), "a body that does not fit into the window"));
  drop(ask(CRO_PUT, CRO_B(""), "another"));
  drop(ask(CRO_GET, CRO_B(""), NULL));
  drop(ask(CRO_CONNECT, CRO_B("websocket"), "bytes"));
  last = ask(CRO_GET, CRO_B(""), NULL);
  given_up = last != NULL && !last->gone ? last : NULL;
  drop(last);
  peer_play(&h2c.peer, greeting);
  feed(beginning, step);
  if (held != NULL)
    take_all(held);
  if (given_up != NULL)
    cro_h2_client_cancel(given_up);
  feed(rest, step);
  if (peer_is_open(&h2c.peer))
    cro_h2_client_end(h2c.client);
  peer_advance(&h2c.peer, 20000);
  h2c_close();
}

static void play(uint64_t fail_at, size_t step)
{
  asked = over = 0;
  held = NULL;
  given_up = NULL;
  cro_alloc_fail_at(fail_at);
  h2c_prepare();
  h2c.config.on_push = on_push;
  h2c.config.ping = 5000;
  h2c.config.ping_answer = 1000;
  if (h2c_create())
    converse(step);
  cro_alloc_fail_at(0);
  CHECK_INT(asked, over);
}

static void fail_each(size_t step, uint64_t last)
{
  uint64_t live;

  play(0, step);
  cro_arena_trim();
  live = cro_alloc_live();
  for (uint64_t n = 1; n < last; n++) {
    play(n, step);
    cro_arena_trim();
    CHECK_INT(live, cro_alloc_live());
  }
}

static void any_allocation_may_fail(void)
{
  fail_each(0, 500);
}

static void any_allocation_may_fail_in_the_middle_of_frames(void)
{
  fail_each(7, 600);
}

/* The caller lets go of a request, or the server of the connection, at any byte. */
static void a_connection_may_break_anywhere(void)
{
  h2_text in = { 0 };
  uint64_t live;

  h2_script(&in, beginning);
  h2_script(&in, rest);
  cro_arena_trim();
  live = cro_alloc_live();
  for (size_t n = 0; n <= in.len; n += n < 400 || n + 400 > in.len ? 1 : 97) {
    cro_request *request;

    asked = over = 0;
    h2c_prepare();
    h2c.config.on_push = on_push;
    CHECK(h2c_create());
    peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
              cro_h2_client_writer(h2c.client));
    cro_h2_client_start(h2c.client);
    h2c.peer.handler = handle;
    request = ask(CRO_POST, CRO_B(""), "a body");
    drop(ask(CRO_GET, CRO_B(""), NULL));
    peer_play(&h2c.peer, greeting);
    peer_feed(&h2c.peer, (cro_bytes){ in.at, n }, 0);
    if (n % 3 == 0)
      cro_h2_client_cancel(request);
    if (n % 2 == 0)
      peer_fail(&h2c.peer, CRO_E_RESET);
    else
      peer_eof(&h2c.peer);
    h2c_close();
    drop(request);
    CHECK_INT(asked, over);
    cro_arena_trim();
    CHECK_INT(live, cro_alloc_live());
  }
  h2_text_free(&in);
}

static void ignore(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

/* The server is left while one answer's body lies there and another request waits: each
 * ends, whatever there is no memory for. */
static void memory_may_run_out_where_everything_ends(void)
{
  for (uint64_t n = 0; n < 12; n++) {
    asked = over = 0;
    h2c_prepare();
    h2c.h2.connection_window = h2c.h2.stream_window = 65535;
    CHECK(h2c_create());
    peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
              cro_h2_client_writer(h2c.client));
    cro_h2_client_start(h2c.client);
    h2c.peer.handler = ignore;
    peer_play(&h2c.peer, "settings 0 u16:3 u32:1");
    for (int i = 0; i < 4; i++)
      drop(ask(CRO_GET, CRO_B(""), NULL));
    peer_play(&h2c.peer, "headers 1 eh ok; data 1 fill:16384; data 1 fill:16384; "
                         "data 1 fill:16384");
    cro_alloc_fail_at(n);
    peer_advance(&h2c.peer, 10000);
    cro_alloc_fail_at(0);
    CHECK(!peer_is_open(&h2c.peer));
    h2c_close();
    CHECK_INT(4, over);
  }
}

TEST_MAIN(CASE(any_allocation_may_fail),
          CASE(any_allocation_may_fail_in_the_middle_of_frames),
          CASE(a_connection_may_break_anywhere),
          CASE(memory_may_run_out_where_everything_ends))
