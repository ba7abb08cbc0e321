/* What CRO_TRACE shows of the frames of HTTP/2 sessions. */
#include "support/h2_client_rig.h"
#include "support/h2_rig.h"
#include "support/test.h"

#include <stdio.h>
#include <unistd.h>

static char captured[8192];
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

static cro_bytes shown_of(const char *script)
{
  h2_rig rig;

  h2_rig_open(&rig);
  rig.config.trace = true;
  begin_capture();
  (void)h2_rig_start(&rig);
  rig.peer.conn.label = "test";
  peer_play(&rig.peer, script);
  h2_rig_close(&rig);
  return end_capture();
}

static bool shows(cro_bytes text, const char *what)
{
  return memmem(text.at, text.len, what, strlen(what)) != NULL;
}

static void frames_are_shown_with_what_is_in_them(void)
{
  static const char *const want[] = {
    "[TRACE(test)] HTTP/2 SEND SETTINGS stream 0 length 24\n"
    "  MAX_CONCURRENT_STREAMS: 100\n  INITIAL_WINDOW_SIZE: 65536\n"
    "  MAX_HEADER_LIST_SIZE: 16384\n  NO_RFC7540_PRIORITIES: 1\n",
    "[TRACE(test)] HTTP/2 SEND WINDOW_UPDATE stream 0 length 4\n  increment 6488065\n",
    "[TRACE(test)] HTTP/2 RECV SETTINGS stream 0 length 6\n  ENABLE_PUSH: 0\n",
    "[TRACE(test)] HTTP/2 RECV HEADERS stream 1 flags END_HEADERS length ",
    "\n  :method: POST\n",
    "\n  x-a: b\n",
    "[TRACE(test)] HTTP/2 RECV DATA stream 1 flags END_STREAM, PADDED length 4\n",
    "[TRACE(test)] HTTP/2 SEND HEADERS stream 1 flags END_HEADERS length ",
    "  :status: 200\n",
    "[TRACE(test)] HTTP/2 SEND DATA stream 1 flags END_STREAM length 2\n",
    "[TRACE(test)] HTTP/2 SEND SETTINGS stream 0 flags ACK length 0\n",
    "[TRACE(test)] HTTP/2 RECV frame of type 99 stream 0 length 1\n",
    "[TRACE(test)] HTTP/2 RECV RST_STREAM stream 3 length 4\n  CANCEL\n",
    ("[TRACE(test)] HTTP/2 RECV GOAWAY stream 0 length 11\n  PROTOCOL_ERROR\n"
     "  last stream 0\n  text: why\n"),
  };
  cro_bytes text = shown_of(
      "preface; settings 0 u16:2 u32:0; settings 0 ack; "
      "headers 1 eh post {x-a: b}; data 1 es pad u8:1 'ab' x00; type:99 0 'x'; "
      "headers 3 eh post; rst 3 u32:8; goaway 0 u31:0 u32:1 'why'");

  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    if (!shows(text, want[i]))
      test_bytes(__FILE__, __LINE__, "shown", cro_bytes_of(want[i]), text);
}

static void what_is_refused_is_shown(void)
{
  cro_bytes text = shown_of("preface; settings 0; headers 1 es eh {a: b}");

  CHECK(shows(text, "[TRACE(test)] HTTP/2 REFUSE HEADERS stream 1"));
  CHECK(shows(text, "[TRACE(test)] HTTP/2 SEND RST_STREAM stream 1 length 4\n"
                    "  PROTOCOL_ERROR\n"));
}

static void nothing_is_shown_unless_asked_for(void)
{
  cro_bytes text;
  h2_rig rig;

  begin_capture();
  h2_rig_greet(&rig);
  peer_play(&rig.peer, "headers 1 es eh get");
  h2_rig_close(&rig);
  text = end_capture();
  CHECK_INT(0, text.len);
}

static bool accept_push(void *arg, cro_request *promised, cro_request *asked)
{
  (void)asked;
  promised->user = arg;
  return true;
}

static void a_client_shows_its_own(void)
{
  static const char *const want[] = {
    "[TRACE(test)] HTTP/2 SEND HEADERS stream 1 flags END_STREAM, END_HEADERS length ",
    "  :path: /asked\n",
    "[TRACE(test)] HTTP/2 RECV PUSH_PROMISE stream 1 flags END_HEADERS length ",
    "\n  promised stream 2\n  :method: GET\n",
    "[TRACE(test)] HTTP/2 RECV HEADERS stream 1 flags END_STREAM, END_HEADERS length ",
    "\n  :status: 200\n  a: b\n",
    "[TRACE(test)] HTTP/2 REFUSE HEADERS stream 2 flags END_HEADERS length ",
    "[TRACE(test)] HTTP/2 SEND RST_STREAM stream 2 length 4\n  PROTOCOL_ERROR\n",
  };
  cro_bytes shown;

  h2c_prepare();
  h2c.config.trace = true;
  h2c.config.on_push = accept_push;
  h2c.config.arg = &h2c.peer;
  CHECK(h2c_create());
  begin_capture();
  h2c.peer.conn.label = "test";
  h2c_start();
  (void)h2c_get("/asked");
  h2c_play("push 1 eh u31:2 get; headers 1 es eh ok {a: b}; headers 2 eh {x: y}");
  h2c_close();
  shown = end_capture();
  for (size_t i = 0; i < sizeof want / sizeof *want; i++)
    if (!shows(shown, want[i]))
      test_fail(want[i], 0, "not in %.*s", (int)shown.len, shown.at);
}

TEST_MAIN(CASE(a_client_shows_its_own), CASE(frames_are_shown_with_what_is_in_them),
          CASE(what_is_refused_is_shown), CASE(nothing_is_shown_unless_asked_for))
