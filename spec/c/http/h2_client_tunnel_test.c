/* Tunnels of an HTTP/2 client: CONNECT, and extended CONNECT (RFC 8441). */
#include "base/err.h"
#include "support/h2_client_rig.h"
#include "support/test.h"

#define HEAD(id) "HEADERS " id " es :method=GET :scheme=https :path=/ :authority=h\n"

static void a_tunnel_carries_bytes_both_ways(void)
{
  cro_request *request;

  h2c_open();
  request = h2c_ask(CRO_CONNECT, -1);
  CHECK_PEER("HEADERS 1 :method=CONNECT :authority=h\n", &h2c.peer);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("early")));
  peer_turn(&h2c.peer);
  CHECK_PEER("", &h2c.peer);
  h2c_play("headers 1 eh ok; data 1 'in'");
  CHECK_PEER("DATA 1 'early'\n", &h2c.peer);
  CHECK_INT(2, request->response->incoming->held.len);
  cro_body_end(&request->body);
  h2c_play("data 1 es 'side'");
  CHECK_LOG("1: 200 [inside]\n", &h2c.peer);
  CHECK_INT(1, h2c.peer.released);
  peer_drop(request);
  h2c_close();
}

static cro_request *socket_to(const char *target)
{
  cro_request *request = peer_request(&h2c.peer, CRO_CONNECT, target);

  request->protocol_name = CRO_B("websocket");
  request->body.length = -1;
  return request;
}

#define SOCKET(id)                                                                     \
  "HEADERS " id " :method=CONNECT :protocol=websocket :scheme=https :path=/chat "      \
  ":authority=h\n"

static void a_server_may_allow_other_protocols_in_tunnels(void)
{
  cro_request *request;

  h2c_open();
  h2c_play("settings 0 u16:8 u32:1");
  peer_forget(&h2c.peer);
  request = socket_to("/chat");
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  CHECK_PEER(SOCKET("1"), &h2c.peer);
  CHECK_INT(0, cro_body_put(&request->body, CRO_B("early")));
  h2c_play("headers 1 eh ok; data 1 'in'");
  CHECK_PEER("DATA 1 'early'\n", &h2c.peer);
  cro_body_end(&request->body);
  h2c_play("data 1 es 'side'");
  CHECK_LOG("1: 200 [inside]\n", &h2c.peer);
  CHECK_INT(1, h2c.peer.released);
  peer_drop(request);
  h2c_close();
}

static void ask_for_socket(const char *target, const char *protocol, cro_method method,
                           int want)
{
  cro_request *request = socket_to(target);

  request->protocol_name = cro_bytes_of(protocol);
  request->method = method;
  CHECK_INT(want, peer_ask(&h2c.peer, request));
  peer_drop(request);
}

static void other_protocols_are_not_asked_for_where_they_are_not_allowed(void)
{
  h2c_open();
  ask_for_socket("/chat", "websocket", CRO_CONNECT, CRO_E_NOTSUP);
  h2c_play("settings 0 u16:8 u32:1");
  peer_forget(&h2c.peer);
  ask_for_socket("/chat", "websocket", CRO_GET, CRO_E_INVAL);
  ask_for_socket("/chat", "web socket", CRO_CONNECT, CRO_E_INVAL);
  ask_for_socket("", "websocket", CRO_CONNECT, CRO_E_INVAL);
  CHECK_PEER("", &h2c.peer);
  h2c_close();
}

/* Before the server's SETTINGS nobody knows; others need not wait for that. */
static void what_the_settings_decide_waits_for_them(const char *settings,
                                                    const char *sent, const char *log)
{
  cro_request *request;

  CHECK(h2c_make());
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  peer_turn(&h2c.peer);
  peer_forget(&h2c.peer);
  request = socket_to("/chat");
  CHECK_INT(CRO_FULL, peer_ask(&h2c.peer, request));
  (void)h2c_get("/");
  CHECK_PEER(HEAD("1"), &h2c.peer);
  h2c_play(settings);
  CHECK_PEER(sent, &h2c.peer);
  CHECK_LOG(log, &h2c.peer);
  peer_drop(request);
  h2c_close();
}

static void other_protocols_wait_for_the_servers_settings(void)
{
  what_the_settings_decide_waits_for_them("settings 0 u16:8 u32:1",
                                          "SETTINGS ack\n" SOCKET("3"), "");
  what_the_settings_decide_waits_for_them("settings 0", "SETTINGS ack\n",
                                          "0: not_supported\n");
}

TEST_MAIN(CASE(a_tunnel_carries_bytes_both_ways),
          CASE(a_server_may_allow_other_protocols_in_tunnels),
          CASE(other_protocols_are_not_asked_for_where_they_are_not_allowed),
          CASE(other_protocols_wait_for_the_servers_settings))
