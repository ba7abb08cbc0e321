/* serve/preface.h - a stage that looks at a connection's first bytes to tell HTTP/2
 * from HTTP/1, where both come in the clear.
 *
 * It holds back at most the 24 bytes of the preface, and takes itself out of the
 * pipeline once it knows.
 */
#ifndef CRO_SERVE_PREFACE_H
#define CRO_SERVE_PREFACE_H

#include "pipe/conn.h"

typedef struct serve_preface serve_preface;

/* decided(arg, is_h2) is called once, inside a push or by the deadline: it links what
 * follows behind the stage and starts it. 0 or a cro_err, which ends the connection.
 * The stage says it produces what the one that is put behind it will: `produces`, or
 * NULL for bytes. The pipeline destroys the stage. 0 or CRO_E_NOMEM. */
int serve_preface_create(serve_preface **out, const cro_type *produces,
                         int (*decided)(void *arg, bool is_h2), void *arg);

/* To be linked behind the source. */
cro_stage *serve_preface_stage(serve_preface *self);

/* Nothing has come yet. */
bool serve_preface_untouched(const serve_preface *self);

/* Once it is linked and attached: `ms` for the first bytes, 0: for ever. Whoever has
 * sent nothing by then is closed; what has begun is HTTP/1's to refuse. */
void serve_preface_start(serve_preface *self, uint64_t ms);

#endif
