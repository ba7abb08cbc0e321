/* bind/app.h - the program `crolua`, from its command line to its exit status.
 *
 * Owns the Lua state, the loop and the fiber in which the script runs; nothing of it
 * outlives the call. What the script sees of a command line (options, chunks, script,
 * prompt) is decided by lua/cro/boot.lua; this file makes the world it runs in and
 * takes it down again. The only header of src/bind that src/main.c includes.
 */
#ifndef CRO_BIND_APP_H
#define CRO_BIND_APP_H

struct lcro_bundle;

/* The Lua files of this program as bytecode. Not in core.so, only in `crolua`: the
 * build makes it (tools/bundle.c). */
extern const struct lcro_bundle lcro_bundle_built;

/* Runs to the end of the script and returns the exit status: 0, 1, or what the
 * script gave to os.exit. `bundle` may be NULL. */
int cro_app_main(int argc, char **argv, const struct lcro_bundle *bundle);

#endif
