/* bind/repl.h - a line of stdin for the prompt, without holding up the loop.
 *
 * One thread reads one line whenever it is asked to and sleeps otherwise, so that
 * timers and connections live on while somebody types, and a script that reads stdin
 * itself between two lines takes nothing from it. There is one stdin, so there is one
 * reader per process; the thread is made by the first question and never ends.
 */
#ifndef CRO_BIND_REPL_H
#define CRO_BIND_REPL_H

#include "bind/core.h"

/* Asks for the next line: the function at `index` is called once, on a fiber, with
 * the line without its LF, or with nil at the end of the file. One at a time. May
 * raise. */
void lcro_repl_read(lcro_app *app, lua_State *L, int index);

/* The state and its loop are about to go: what is still read is thrown away. */
void lcro_repl_end(void);

#endif
