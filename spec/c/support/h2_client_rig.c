#include "support/h2_client_rig.h"

#include "support/test.h"

h2_client_rig h2c;

void h2c_prepare(void)
{
  peer_open(&h2c.peer);
  h2c.limits = cro_http_limits_default;
  h2c.limits.header_bytes = 64 * 1024;
  h2c.h2 = cro_h2_limits_default;
  h2c.timeouts = cro_http_timeouts_default;
  h2c.config = (cro_h2_client_config){
    .limits = &h2c.limits, .h2 = &h2c.h2, .timeouts = &h2c.timeouts, .waiting = 10
  };
}

bool h2c_create(void)
{
  if (cro_h2_client_create(&h2c.client, &h2c.config) == 0)
    return true;
  peer_close(&h2c.peer);
  return false;
}

bool h2c_make(void)
{
  h2c_prepare();
  return h2c_create();
}

void h2c_start(void)
{
  peer_call(&h2c.peer, cro_h2_client_reader(h2c.client),
            cro_h2_client_writer(h2c.client));
  cro_h2_client_start(h2c.client);
  peer_turn(&h2c.peer);
  h2c_play("settings 0; settings 0 ack");
  peer_forget(&h2c.peer);
}

void h2c_open(void)
{
  CHECK(h2c_make());
  h2c_start();
}

void h2c_close(void)
{
  peer_close(&h2c.peer);
}

int h2c_get(const char *target)
{
  cro_request *request = peer_request(&h2c.peer, CRO_GET, target);
  int rc = peer_ask(&h2c.peer, request);

  peer_drop(request);
  return rc;
}

cro_request *h2c_ask(cro_method method, int64_t length)
{
  cro_request *request = peer_request(&h2c.peer, method, "/");

  request->body.length = length;
  CHECK_INT(0, peer_ask(&h2c.peer, request));
  return request;
}

void h2c_play(const char *script)
{
  peer_play(&h2c.peer, script);
}
