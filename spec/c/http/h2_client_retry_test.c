/* Which requests of a client may be sent again on another connection (RFC 9113 8.7),
 * and what it knows of the others: CRO_E_AGAIN is said of nothing the server may have
 * worked for. Three requests are under way: GET 1, POST 3 whose body goes on, GET 5. */
#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

#include <stdio.h>

#define COUNT(array) (sizeof(array) / sizeof *(array))

typedef struct ending {
  const char *script;
  const char *want; /* of each in turn: how it ended, "h" when an answer has begun */
  const char *end;  /* of the connection */
} ending;

static const ending endings[] = {
  /* Refused before it was looked at, whatever its method and whatever of it was sent.
   */
  { "rst 1 u32:7", "again, open, open", "open" },
  { "rst 3 u32:7", "open, again, open", "open" },
  { "rst 1 u32:7; rst 3 u32:7; rst 5 u32:7", "again, again, again", "open" },
  /* An answer that has begun, even with an interim one, tells that it was not. */
  { "headers 3 eh {:status: 103}; rst 3 u32:7", "open, reset h, open", "open" },
  { "headers 1 eh ok; rst 1 u32:7", "reset h, open, open", "open" },
  { "headers 1 eh ok; data 1 'x'; rst 1 u32:7", "reset h, open, open", "open" },
  /* Other codes say nothing about that. */
  { "rst 1 u32:2", "reset, open, open", "open" },
  { "rst 3 u32:8", "open, reset, open", "open" },
  { "rst 5 u32:11", "open, open, reset", "open" },
  { "rst 1 u32:13", "not_supported, open, open", "open" },
  { "rst 3 u32:0", "open, reset, open", "open" },
  /* Above the last one that GOAWAY tells nothing was done, whatever its code. */
  { "goaway 0 u31:0 u32:0", "again, again, again", "close" },
  { "goaway 0 u31:1 u32:0", "open, again, again", "open" },
  { "goaway 0 u31:3 u32:0", "open, open, again", "open" },
  { "goaway 0 u31:5 u32:0", "open, open, open", "open" },
  { "goaway 0 u31:3 u32:2", "open, open, again", "open" },
  { "goaway 0 u31:1 u32:11", "open, again, again", "open" },
  { "goaway 0 u31:0x7fffffff u32:0", "open, open, open", "open" },
  { "goaway 0 u31:0x7fffffff u32:0; goaway 0 u31:3 u32:0", "open, open, again",
    "open" },
  /* Those below are answered still, or end with the connection. */
  { "goaway 0 u31:1 u32:0; headers 1 eh es ok", "closed h, again, again", "close" },
  { "goaway 0 u31:3 u32:0; headers 1 eh es ok; rst 3 u32:7", "closed h, again, again",
    "close" },
  { "goaway 0 u31:5 u32:0; headers 5 eh es ok; EOF", "eof, eof, closed h", "close" },
  { "goaway 0 u31:3 u32:2; EOF", "eof, eof, again", "close" },
  { "headers 1 eh ok; EOF", "eof h, eof, eof", "close" },
  { "EOF", "eof, eof, eof", "close" },
};

typedef struct fate {
  int err;
  bool ended, heard;
} fate;

static void note(cro_request *request, int err)
{
  fate *of = request->user;

  of->err = err;
  of->ended = true;
  of->heard = cro_h2_client_heard(request);
}

static cro_request *ask(cro_method method, fate *of)
{
  cro_request *request = peer_request(&h2c.peer, method, "/");

  request->body.length = method == CRO_POST ? -1 : 0;
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  request->user = of;
  request->on_release = note;
  return request;
}

static void ignore(h2_peer *peer, cro_request *request)
{
  (void)peer;
  (void)request;
}

static void play(const char *script)
{
  char frames[200];
  char *eof;

  (void)snprintf(frames, sizeof frames, "%s", script);
  eof = strstr(frames, "EOF");
  if (eof != NULL)
    *eof = '\0';
  if (frames[0] != '\0')
    h2c_play(frames);
  if (eof != NULL)
    peer_eof(&h2c.peer);
}

static void say(h2_text *to, const fate *of, const char *before)
{
  const char *how =
      of->ended ? (of->err != 0 ? cro_err_kind(of->err) : "closed") : "open";

  h2_text_say(to, "%s%s%s", before, how, of->ended && of->heard ? " h" : "");
}

static void check(const ending *row)
{
  fate fates[3] = { 0 };
  cro_request *requests[3];
  h2_text got = { 0 };

  h2c_open();
  h2c.peer.handler = ignore;
  for (size_t i = 0; i < 3; i++)
    requests[i] = ask(i == 1 ? CRO_POST : CRO_GET, &fates[i]);
  CHECK_INT(0, cro_body_put(&requests[1]->body, CRO_B("part of it")));
  peer_turn(&h2c.peer);
  play(row->script);
  for (size_t i = 0; i < 3; i++)
    say(&got, &fates[i], i == 0 ? "" : ", ");
  if (!cro_bytes_eq(cro_bytes_of(row->want), h2_text_bytes(&got)))
    test_fail(row->script, 0, "want %s, got %.*s", row->want, (int)got.len, got.at);
  CHECK_TEXT(row->end, cro_bytes_of(h2c.peer.end));
  h2c_close();
  for (size_t i = 0; i < 3; i++) {
    CHECK(fates[i].ended);
    peer_drop(requests[i]);
  }
  h2_text_free(&got);
}

static void it_is_known_what_may_be_sent_again(void)
{
  for (size_t i = 0; i < COUNT(endings); i++)
    check(&endings[i]);
}

TEST_MAIN(CASE(it_is_known_what_may_be_sent_again))
