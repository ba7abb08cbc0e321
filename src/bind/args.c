#include "bind/args.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "usage: %s [options] [script [args]]\n"
    "       %s command [--help]\n"
    "\n"
    "Runs a Lua script. The script may wait at top level (await, react, sleep);\n"
    "it ends when its last line has run.\n"
    "\n"
    "  -e chunk  run the string 'chunk'\n"
    "  -l name   require the module 'name'\n"
    "  -i        go on with a prompt after the script\n"
    "  -v        show the version\n"
    "  -E        ignore LUA_INIT, LUA_PATH and LUA_CPATH\n"
    "  -j cmd    LuaJIT control: -j off, -j v, -j dump\n"
    "  -O[opt]   LuaJIT optimisations: -O3, -Ohotloop=10\n"
    "  --strict  assigning to a global that does not exist is an error\n"
    "  --strict-promises  a broken promise that nobody looks at ends the program: 1\n"
    "  --help    show this\n"
    "  --        no more options\n"
    "  -         run what comes on stdin, no more options\n"
    "\n"
    "Without a script: a prompt, or on a pipe what comes on stdin.\n"
    "\n"
    "Commands (a script of such a name: ./dev-cert, or -- before it):\n"
    "  dev-cert  makes certificates for development\n"
    "\n"
    "Environment: LUA_INIT (a chunk or @file to run first), LUA_PATH, LUA_CPATH,\n"
    "  CRO_TRACE=1 (print every message between the parts of a pipeline),\n"
    "  CRO_DEV=1 (a route that fails answers with its error and traceback),\n"
    "  CRO_DEBUG=1 (note where what is open was opened, and warn of what is lost),\n"
    "  CRO_JIT=off, CROLUA_LUA_MEMORY (limit of the Lua heap, default 512M),\n"
    "  SSLKEYLOGFILE (a file for the keys of TLS, for Wireshark).\n"
    "\n"
    "Try:\n"
    "  %s -e 'print(\"hello\")'\n"
    "  %s -e 'local cro = require \"cro\"; cro.sleep(1); print(cro.now())'\n"
    "  %s examples/hello.lua     then: curl http://127.0.0.1:8080/\n"
    "  %s                        a prompt at which you may await\n";

/* Words people try first, and what they want. */
static const struct {
  const char *given, *cure;
} hints[] = {
  { "-h", "--help shows all options" },     { "-help", "--help shows all options" },
  { "--version", "-v shows the version" },  { "-V", "-v shows the version" },
  { "--eval", "-e runs a string" },         { "-c", "-e runs a string" },
  { "-r", "-l requires a module" },         { "--interactive", "-i gives a prompt" },
  { "-s", "--strict refuses new globals" },
};

static const char *hint(const char *given)
{
  for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++)
    if (strcmp(hints[i].given, given) == 0)
      return hints[i].cure;
  return "--help shows all options; -- before a script whose name begins with '-'";
}

static bool wrong(const lcro_args *args, const char *what, const char *option,
                  const char *cure)
{
  fprintf(stderr, "%s: %s '%s'; %s\n", args->name, what, option, cure);
  fprintf(stderr, "usage: %s [options] [script [args]]\n", args->name);
  return false;
}

static bool unknown(const lcro_args *args, const char *option)
{
  return wrong(args, "unknown option", option, hint(option));
}

/* An option with a value, glued to it or in the next argument. *at is moved. */
static bool skip_value(const lcro_args *args, int *at, const char *cure)
{
  const char *option = args->argv[*at];

  if (option[2] != '\0')
    return true;
  if (*at + 1 >= args->argc)
    return wrong(args, "nothing follows option", option, cure);
  ++*at;
  return true;
}

/* An option of one letter and nothing more. */
static bool set_flag(const lcro_args *args, const char *option, bool *flag)
{
  if (option[2] != '\0')
    return unknown(args, option);
  *flag = true;
  return true;
}

static bool take_long(lcro_args *args, const char *option)
{
  if (strcmp(option, "--help") == 0)
    args->help = true;
  else if (strcmp(option, "--strict") == 0)
    args->strict = true;
  else if (strcmp(option, "--strict-promises") == 0)
    args->strict_promises = true;
  else
    return unknown(args, option);
  return true;
}

static bool take_option(lcro_args *args, int *at)
{
  const char *option = args->argv[*at];

  switch (option[1]) {
  case '-':
    return take_long(args, option);
  case 'i':
    args->version = true;
    return set_flag(args, option, &args->interactive);
  case 'v':
    return set_flag(args, option, &args->version);
  case 'E':
    return set_flag(args, option, &args->bare);
  case 'e':
    args->executes = true;
    return skip_value(args, at, "give the chunk to run: -e 'print(1)'");
  case 'l':
    return skip_value(args, at, "give the module to require: -l cro");
  case 'j':
    return skip_value(args, at, "give the command: -j off");
  case 'O':
    return true;
  default:
    return unknown(args, option);
  }
}

static const char *base_name(const char *path)
{
  const char *slash = path != NULL ? strrchr(path, '/') : NULL;
  const char *name = slash != NULL ? slash + 1 : path;

  return name != NULL && *name != '\0' ? name : "crolua";
}

bool lcro_args_parse(lcro_args *out, int argc, char **argv)
{
  lcro_args args = { .argc = argc, .argv = argv };
  int at = 1;

  args.name = base_name(argc > 0 ? argv[0] : NULL);
  for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
    if (strcmp(argv[at], "--") == 0)
      break;
    if (!take_option(&args, &at))
      return false;
  }
  args.options = at < argc ? at : argc;
  if (at < argc && strcmp(argv[at], "--") == 0)
    at++;
  args.script = at < argc ? at : 0;
  *out = args;
  return true;
}

void lcro_args_help(const lcro_args *args)
{
  const char *name = args->name;

  printf(help, name, name, name, name, name, name);
}
