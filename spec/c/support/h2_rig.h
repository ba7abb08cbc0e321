/* support/h2_rig.h - a server session under a scripted peer, with limits to change. */
#ifndef CRO_SPEC_SUPPORT_H2_RIG_H
#define CRO_SPEC_SUPPORT_H2_RIG_H

#include "http/h2.h"
#include "support/h2_peer.h"

typedef struct h2_rig {
  h2_peer peer;
  cro_http_limits limits;
  cro_h2_limits h2_limits;
  cro_http_timeouts timeouts;
  cro_h2_config config;
  cro_h2 *h2;
  int refused;         /* status of the last refusal told; -1: none */
  const char *refusal; /* and why */
} h2_rig;

/* Limits and timeouts are the defaults, to be changed before the start. */
void h2_rig_open(h2_rig *rig);
/* False when memory is out; then nothing is linked. */
bool h2_rig_start(h2_rig *rig);
void h2_rig_close(h2_rig *rig);

/* Opened, started, greeted both ways; what was sent by then is forgotten. */
void h2_rig_greet(h2_rig *rig);

#endif
