#include "bind/repl.h"

#include "bind/fiber.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* `lock` guards wanted and app; line and length belong to the thread while `wanted`,
 * to the loop otherwise. */
static struct reader {
  lcro_entry entry;
  cro_post post;
  lcro_app *app; /* NULL: nobody is left to be told */
  pthread_t thread;
  pthread_mutex_t lock;
  pthread_cond_t asked;
  char *line; /* getline's; kept for the next one */
  size_t capacity;
  ssize_t length; /* -1: end of file */
  int callback;
  bool started, wanted;
} reader = {
  .lock = PTHREAD_MUTEX_INITIALIZER,
  .asked = PTHREAD_COND_INITIALIZER,
  .callback = LUA_NOREF,
};

static void on_interrupt(int number); /* it and the hook set each other */

/* Inside the fiber: callback(line). */
static int open_line(lua_State *L, lcro_entry *entry)
{
  ssize_t length = reader.length;

  (void)entry;
  lua_rawgeti(L, LUA_REGISTRYINDEX, reader.callback);
  lcro_release(L, &reader.callback);
  if (length < 0)
    lua_pushnil(L);
  else
    lua_pushlstring(L, reader.line, (size_t)length);
  return 2;
}

static void left(lua_State *L, lcro_entry *entry, bool failed)
{
  (void)L;
  (void)entry;
  (void)failed;
}

static const lcro_entry_ops line_ops = { .open = open_line, .left = left };

/* On the loop: the thread has a line. */
static void on_line(cro_post *post)
{
  lcro_app *app = reader.app;

  (void)post;
  if (app == NULL)
    return;
  cro_loop_keep(app->loop, -1);
  lcro_entry_init(&reader.entry, &line_ops);
  lcro_fiber_enter(app, &reader.entry);
}

static void read_line(void)
{
  ssize_t n = getline(&reader.line, &reader.capacity, stdin);

  if (n < 0)
    clearerr(stdin); /* a terminal may go on after Ctrl-D */
  while (n > 0 && (reader.line[n - 1] == '\n' || reader.line[n - 1] == '\r'))
    n--;
  reader.length = n;
}

/* Waits for a question, reads, answers; for ever. */
static void *reader_main(void *arg)
{
  (void)arg;
  for (;;) {
    pthread_mutex_lock(&reader.lock);
    while (!reader.wanted)
      pthread_cond_wait(&reader.asked, &reader.lock);
    pthread_mutex_unlock(&reader.lock);
    read_line();
    pthread_mutex_lock(&reader.lock);
    reader.wanted = false;
    if (reader.app != NULL)
      cro_loop_post(reader.app->loop, &reader.post);
    pthread_mutex_unlock(&reader.lock);
  }
  return NULL;
}

/* Runs in the place of the next instruction of whatever Lua code there is. */
static void interrupt(lua_State *L, lua_Debug *ar)
{
  (void)ar;
  lua_sethook(L, NULL, 0, 0);
  signal(SIGINT, on_interrupt);
  luaL_error(L, "interrupted!");
}

/* Ctrl-C ends what runs at the prompt, a second one or one that finds nothing running
 * ends the program, as in `lua`. lua_sethook may be called from a handler. */
static void on_interrupt(int number)
{
  signal(number, SIG_DFL);
  if (reader.app != NULL && reader.app->depth > 0)
    lua_sethook(reader.app->L, interrupt, LUA_MASKCALL | LUA_MASKRET | LUA_MASKCOUNT,
                1);
  else
    raise(number);
}

static void start(lua_State *L)
{
  if (reader.started)
    return;
  reader.post.fn = on_line;
  if (pthread_create(&reader.thread, NULL, reader_main, NULL) != 0)
    luaL_error(L, "cannot start the thread that reads stdin");
  pthread_detach(reader.thread);
  reader.started = true;
  signal(SIGINT, on_interrupt);
}

void lcro_repl_read(lcro_app *app, lua_State *L, int index)
{
  if (reader.callback != LUA_NOREF)
    luaL_error(L, "a line of stdin is being read already");
  start(L);
  reader.callback = lcro_anchor(L, index);
  cro_loop_keep(app->loop, 1);
  pthread_mutex_lock(&reader.lock);
  reader.app = app;
  reader.wanted = true;
  pthread_cond_signal(&reader.asked);
  pthread_mutex_unlock(&reader.lock);
}

void lcro_repl_end(void)
{
  pthread_mutex_lock(&reader.lock);
  reader.app = NULL;
  pthread_mutex_unlock(&reader.lock);
}
