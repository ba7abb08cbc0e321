#include "net/watch.h"

#include "base/check.h"
#include "base/err.h"
#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static cro_loop *loop;
static cro_watch *watch;
static char folder[64];
static int told;

static void on_readable(void *arg)
{
  (void)arg;
  told++;
  cro_loop_stop(loop);
}

static void set_up(void)
{
  int system;

  told = 0;
  snprintf(folder, sizeof folder, "/tmp/cro-watch-test-XXXXXX");
  cro_check(mkdtemp(folder) != NULL);
  cro_check(cro_loop_create(&loop) == 0);
  CHECK_INT(0, cro_watch_open(&watch, loop, on_readable, NULL, &system));
}

static size_t count(void)
{
  cro_loop_stats stats;

  cro_loop_stats_get(loop, &stats);
  return stats.watches;
}

static void what_happens_in_a_folder_is_told_once_until_it_is_taken(void)
{
  cro_watch_event event;
  char path[80];
  int system, id;

  set_up();
  id = cro_watch_add(watch, cro_bytes_of(folder), CRO_WATCH_ONLY_FOLDER, &system);
  CHECK(id >= 0);
  CHECK_INT(id, cro_watch_add(watch, cro_bytes_of(folder), 0, &system));
  CHECK_INT(1, count());
  snprintf(path, sizeof path, "%s/sub", folder);
  CHECK_INT(0, mkdir(path, 0700));
  CHECK_INT(0, rmdir(path));
  cro_loop_run(loop);
  CHECK_INT(1, told);
  CHECK_INT(1, cro_watch_take(watch, &event));
  CHECK_INT(id, event.id);
  CHECK_INT(CRO_WATCH_APPEARED | CRO_WATCH_FOLDER, event.what);
  CHECK_TEXT("sub", event.name);
  CHECK_INT(1, cro_watch_take(watch, &event));
  CHECK_INT(CRO_WATCH_GONE | CRO_WATCH_FOLDER, event.what);
  CHECK_INT(0, cro_watch_take(watch, &event));
  CHECK_INT(0, rmdir(folder));
  cro_loop_run(loop);
  CHECK_INT(2, told);
  CHECK_INT(1, cro_watch_take(watch, &event));
  CHECK_INT(CRO_WATCH_SELF_GONE, event.what);
  CHECK_INT(1, cro_watch_take(watch, &event));
  CHECK_INT(CRO_WATCH_ENDED, event.what);
  CHECK_INT(0, count());
  cro_watch_close(watch);
  cro_loop_destroy(loop);
}

static void paths_that_cannot_be_watched_say_why(void)
{
  int system = 0;

  set_up();
  CHECK_INT(CRO_E_NOTFOUND, cro_watch_add(watch, CRO_B("/nowhere"), 0, &system));
  CHECK(system != 0);
  CHECK_INT(CRO_E_NOTDIR,
            cro_watch_add(watch, CRO_B("/dev/null"), CRO_WATCH_ONLY_FOLDER, &system));
  CHECK_INT(0, count());
  cro_watch_close(watch);
  cro_watch_close(NULL);
  CHECK_INT(0, rmdir(folder));
  cro_loop_destroy(loop);
}

static void the_end_of_the_loop_closes_what_is_open(void)
{
  int system;

  set_up();
  CHECK(cro_watch_add(watch, cro_bytes_of(folder), 0, &system) >= 0);
  cro_watch_remove(watch, 12345);
  cro_loop_destroy(loop);
  CHECK_INT(0, rmdir(folder));
}

TEST_MAIN(CASE(what_happens_in_a_folder_is_told_once_until_it_is_taken),
          CASE(paths_that_cannot_be_watched_say_why),
          CASE(the_end_of_the_loop_closes_what_is_open))
