#include "support/h2_rig.h"

static void on_refused(void *arg, cro_conn *conn, int status, const char *reason)
{
  h2_rig *rig = arg;

  (void)conn;
  rig->refused = status;
  rig->refusal = reason;
}

void h2_rig_open(h2_rig *rig)
{
  memset(rig, 0, sizeof *rig);
  peer_open(&rig->peer);
  rig->limits = cro_http_limits_default;
  rig->h2_limits = cro_h2_limits_default;
  rig->timeouts = cro_http_timeouts_default;
  rig->refused = -1;
  rig->config = (cro_h2_config){ .limits = &rig->limits,
                                 .h2 = &rig->h2_limits,
                                 .timeouts = &rig->timeouts,
                                 .on_refused = on_refused,
                                 .arg = rig };
}

bool h2_rig_start(h2_rig *rig)
{
  if (cro_h2_server_create(&rig->h2, &rig->config) != 0)
    return false;
  peer_serve(&rig->peer, cro_h2_reader(rig->h2), cro_h2_writer(rig->h2));
  cro_h2_start(rig->h2);
  return true;
}

void h2_rig_close(h2_rig *rig)
{
  peer_close(&rig->peer);
}

void h2_rig_greet(h2_rig *rig)
{
  h2_rig_open(rig);
  (void)h2_rig_start(rig);
  peer_play(&rig->peer, "preface; settings 0; settings 0 ack");
  peer_forget(&rig->peer);
}
