/* pipe/trace.h - what CRO_TRACE=1 shows: each hop of a pipeline, one event a line.
 *
 * A trace stage passes everything on unchanged and writes to stderr. Without one in
 * the pipeline tracing costs nothing.
 *
 *   [TRACE(label)] Component EMIT what it emitted
 *   [TRACE(label)] Component DONE
 *   [TRACE(label)] Component QUIT why
 *
 * CRO_TRACE_MACHINE_READABLE=1 escapes backslash and newline, so that one event is one
 * line; CRO_TRACE_MAX_BINARY_DUMP bounds dumps of bytes (512).
 */
#ifndef CRO_PIPE_TRACE_H
#define CRO_PIPE_TRACE_H

#include "pipe/conn.h"

/* True when CRO_TRACE is set to anything but "" and "0". */
bool cro_trace_on(void);

/* Puts a trace stage behind every stage of a linked and attached pipeline but the
 * last, wherever in it `stage` is: below a layer too. 0 or CRO_E_NOMEM (what was
 * inserted by then stays and works). */
int cro_trace_insert(cro_stage *stage);

/* The same behind the stages from `first` to the one before `last`. */
int cro_trace_between(cro_stage *first, const cro_stage *last);

/* Writes one event. `text` may have several lines; len 0: none. */
void cro_trace_write(cro_bytes label, cro_bytes component, const char *event,
                     cro_bytes text);

/* Appends a hex dump: rows of 16 bytes, lower-case, then what is printable; each row
 * starts with two blanks. At most the configured number of bytes. 0 or CRO_E_NOMEM. */
int cro_trace_dump(cro_bytes bytes, cro_buf *out);

#endif
