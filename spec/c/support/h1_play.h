/* support/h1_play.h - one server session on stage: what several specs do with it.
 *
 * A handler keeps its request in `kept` (and holds it); `released` and `drained` are
 * what its exchange was told: 1 for "in full" and a count, else the error.
 */
#ifndef CRO_SPEC_SUPPORT_H1_PLAY_H
#define CRO_SPEC_SUPPORT_H1_PLAY_H

#include "support/h1_rig.h"

#define HOST "Host: h\r\n"
#define GET "GET / HTTP/1.1\r\n" HOST "\r\n"

extern h1_rig rig;
extern cro_request *kept;
extern int drained, released;

void open_rig(void);
void close_rig(void);
void feed(const char *in);
void check_end(const char *want);
bool wrote(const char *text);
void forget(void);

/* Handlers: answer later; with a stream of unknown length or of 5; with "now". */
void later(h1_rig *self, cro_request *request);
void stream(h1_rig *self, cro_request *request);
void stream_five(h1_rig *self, cro_request *request);
void at_once(h1_rig *self, cro_request *request);

/* On the kept request. */
int write_part(const char *text);
int end_stream(void);
void answer_kept(const char *body);

#endif
