/* bind/args.h - the command line of `crolua`, which is that of `lua`.
 *
 * Splits argv into options, script and arguments and says what is wrong with it.
 * Keeps pointers into argv, nothing else; never touches Lua.
 */
#ifndef CRO_BIND_ARGS_H
#define CRO_BIND_ARGS_H

#include <stdbool.h>

typedef struct lcro_args {
  int argc;
  char **argv;
  const char *name;     /* the last part of argv[0], for messages */
  int options;          /* argv[1 .. options - 1] are options and their values */
  int script;           /* index of the script in argv ("-": stdin), 0: none */
  bool interactive;     /* -i */
  bool version;         /* -v, or -i */
  bool executes;        /* -e was given: no prompt without -i */
  bool bare;            /* -E: ignore LUA_INIT (LUA_PATH, LUA_CPATH too) */
  bool help;            /* --help */
  bool strict;          /* --strict: new globals are refused */
  bool strict_promises; /* --strict-promises */
} lcro_args;

/* True, or false after writing to stderr what is wrong and how it is done. */
bool lcro_args_parse(lcro_args *out, int argc, char **argv);

/* What --help prints, on stdout. */
void lcro_args_help(const lcro_args *args);

#endif
