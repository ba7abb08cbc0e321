#include "net/loop.h"

#include "base/check.h"
#include "base/err.h"
#include "net/clock.h"
#include "net/net.h"
#include "support/loopback.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* What happened, in order, one letter each. */
static char story[64];
static size_t told;

static void tell(char what)
{
  if (told + 1 < sizeof story)
    story[told++] = what;
  story[told] = '\0';
}

static cro_loop *new_loop(void)
{
  cro_loop *loop;

  told = 0;
  story[0] = '\0';
  cro_check(cro_loop_create(&loop) == 0);
  return loop;
}

static void a_loop_with_nothing_to_do_returns(void)
{
  cro_loop *loop = new_loop();

  cro_loop_run(loop);
  cro_loop_destroy(loop);
  cro_loop_destroy(NULL);
}

/* --- timers -------------------------------------------------------------------------
 */

typedef struct {
  cro_timer timer;
  char name;
} named;

static void on_named(cro_timer *timer)
{
  tell(CRO_CONTAINER(timer, named, timer)->name);
}

static named *arm(cro_loop *loop, named *self, char name, uint64_t ms)
{
  cro_timer_init(&self->timer, on_named);
  self->name = name;
  cro_loop_arm(loop, &self->timer, cro_loop_now(loop) + ms);
  return self;
}

static void timers_keep_the_loop_running_and_fire_in_order(void)
{
  cro_loop *loop = new_loop();
  uint64_t start = cro_loop_now(loop);
  named a, b, c;

  arm(loop, &a, 'a', 20);
  arm(loop, &b, 'b', 10);
  arm(loop, &c, 'c', 10);
  cro_loop_run(loop);
  CHECK_TEXT("bca", cro_bytes_of(story));
  CHECK(cro_loop_now(loop) - start >= 20);
  cro_loop_destroy(loop);
}

static void a_disarmed_timer_neither_fires_nor_keeps_the_loop(void)
{
  cro_loop *loop = new_loop();
  uint64_t start = cro_loop_now(loop);
  named a, b;

  arm(loop, &a, 'a', 60000);
  arm(loop, &b, 'b', 5);
  cro_loop_disarm(loop, &a.timer);
  cro_loop_run(loop);
  CHECK_TEXT("b", cro_bytes_of(story));
  CHECK(cro_loop_now(loop) - start < 5000);
  cro_loop_destroy(loop);
}

typedef struct {
  named timer;
  named *earlier;
  cro_loop *loop;
} arming;

static void on_arming(cro_timer *timer)
{
  arming *self = CRO_CONTAINER(timer, arming, timer.timer);

  tell('1');
  arm(self->loop, self->earlier, '2', 0);
}

static void a_timer_due_at_once_fires_in_the_next_turn(void)
{
  cro_loop *loop = new_loop();
  named second, late;
  arming first = { .earlier = &second, .loop = loop };

  arm(loop, &late, '3', 20);
  cro_timer_init(&first.timer.timer, on_arming);
  cro_loop_arm(loop, &first.timer.timer, cro_loop_now(loop) + 1);
  cro_loop_run(loop);
  CHECK_TEXT("123", cro_bytes_of(story));
  cro_loop_destroy(loop);
}

/* --- turns --------------------------------------------------------------------------
 */

typedef struct {
  cro_stage stage;
  char name;
  int again;
} waker;

static void on_resume(cro_stage *stage)
{
  waker *self = CRO_CONTAINER(stage, waker, stage);

  tell(self->name);
  if (self->again-- > 0)
    cro_stage_ready(stage);
}

static void on_destroy(cro_stage *stage)
{
  (void)stage;
}

static const cro_stage_ops waker_ops = {
  .name = "waker",
  .resume = on_resume,
  .destroy = on_destroy,
};

static bool hook(void *arg)
{
  int *turns = arg;

  tell('h');
  return --*turns > 0;
}

static void a_turn_resumes_stages_then_calls_the_hook_then_fires_timers(void)
{
  cro_loop *loop = new_loop();
  cro_conn conn = { .turn = cro_loop_turn(loop) };
  waker a = { .name = 'a', .again = 1 }, b = { .name = 'b' };
  named timer;
  int turns = 1;

  cro_loop_on_turn(loop, hook, &turns);
  cro_stage_init(&a.stage, &waker_ops);
  cro_stage_init(&b.stage, &waker_ops);
  a.stage.conn = b.stage.conn = &conn;
  arm(loop, &timer, 't', 0);
  cro_loop_wake(loop);
  cro_stage_ready(&a.stage);
  cro_stage_ready(&b.stage);
  cro_stage_ready(&a.stage); /* once a turn */
  cro_loop_run(loop);
  CHECK_INT(5, told);
  CHECK_BYTES(CRO_B("abh"), ((cro_bytes){ story, 3 }));
  cro_loop_destroy(loop);
}

static void a_hook_that_asks_is_called_again_without_waiting(void)
{
  cro_loop *loop = new_loop();
  named late;
  int turns = 5;

  cro_loop_on_turn(loop, hook, &turns);
  arm(loop, &late, 'z', 300);
  cro_loop_wake(loop);
  cro_loop_run(loop);
  CHECK_TEXT("hhhhhz", cro_bytes_of(story));
  cro_loop_destroy(loop);
}

static void a_hook_is_left_alone_until_woken(void)
{
  cro_loop *loop = new_loop();
  named a;
  int turns = 1;

  cro_loop_on_turn(loop, hook, &turns);
  arm(loop, &a, 'a', 5);
  cro_loop_run(loop);
  CHECK_TEXT("a", cro_bytes_of(story));
  cro_loop_destroy(loop);
}

/* --- other threads -------------------------------------------------------------------
 */

enum { posts_each = 200, posters = 3 };

typedef struct {
  cro_post post;
  cro_loop *loop;
  int number;
} numbered;

static int posted_sum, posted_left, out_of_order, last_of[posters];

static void on_post(cro_post *post)
{
  numbered *self = CRO_CONTAINER(post, numbered, post);
  int *last = &last_of[self->number / posts_each];

  out_of_order += self->number % posts_each < *last;
  *last = self->number % posts_each;
  posted_sum += self->number;
  if (--posted_left == 0)
    cro_loop_keep(self->loop, -1);
}

static void *post_all(void *arg)
{
  numbered *mine = arg;

  for (int i = 0; i < posts_each; i++)
    cro_loop_post(mine[i].loop, &mine[i].post);
  return NULL;
}

static void posts_of_other_threads_arrive_once_and_in_order(void)
{
  static numbered all[posters * posts_each];
  pthread_t threads[posters];
  cro_loop *loop = new_loop();
  int count = posters * posts_each;

  posted_sum = out_of_order = 0;
  posted_left = count;
  for (int i = 0; i < posters; i++)
    last_of[i] = 0;
  cro_loop_keep(loop, 1);
  for (int i = 0; i < count; i++)
    all[i] = (numbered){ .post.fn = on_post, .loop = loop, .number = i };
  for (int i = 0; i < posters; i++)
    CHECK_INT(0, pthread_create(&threads[i], NULL, post_all, &all[i * posts_each]));
  cro_loop_run(loop);
  for (int i = 0; i < posters; i++)
    pthread_join(threads[i], NULL);
  CHECK_INT(count * (count - 1) / 2, posted_sum);
  CHECK_INT(0, out_of_order);
  cro_loop_destroy(loop);
}

static void tell_post(cro_post *post)
{
  (void)post;
  tell('p');
}

static void a_post_nobody_ran_for_is_called_by_destroy(void)
{
  cro_post post = { .fn = tell_post };
  cro_loop *loop = new_loop();

  cro_loop_post(loop, &post);
  cro_loop_destroy(loop);
  CHECK_TEXT("p", cro_bytes_of(story));
}

/* --- signals
 * -------------------------------------------------------------------------- */

static void on_signal(void *arg, int number)
{
  tell(number == SIGUSR1 ? '1' : '2');
  cro_loop_stop(arg);
}

static void signals_are_called_in_the_loop_until_closed(void)
{
  cro_loop *loop = new_loop();
  cro_signal *one, *other, *two;

  CHECK_INT(0, cro_signal_open(&one, loop, SIGUSR1, on_signal, loop));
  CHECK_INT(0, cro_signal_open(&other, loop, SIGUSR1, on_signal, loop));
  CHECK_INT(0, cro_signal_open(&two, loop, SIGUSR2, on_signal, loop));
  raise(SIGUSR1);
  CHECK_INT(0, told);
  UNTIL(loop, told == 2);
  cro_signal_close(other);
  raise(SIGUSR1);
  raise(SIGUSR2);
  UNTIL(loop, told == 4);
  CHECK_BYTES(CRO_B("11"), ((cro_bytes){ story, 2 }));
  CHECK(story[2] + story[3] == '1' + '2');
  cro_signal_close(one);
  cro_loop_destroy(loop);
}

static void signals_nobody_can_handle_are_refused(void)
{
  static const int never[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGPIPE, 0, -1, 1000 };
  cro_loop *loop = new_loop();
  cro_signal *sig;

  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    CHECK_INT(CRO_E_INVAL, cro_signal_open(&sig, loop, never[i], on_signal, loop));
  cro_loop_destroy(loop);
}

static void signals_have_names_and_numbers(void)
{
  CHECK_INT(SIGINT, cro_signal_number(CRO_B("SIGINT")));
  CHECK_INT(SIGINT, cro_signal_number(CRO_B("INT")));
  CHECK_INT(SIGINT, cro_signal_number(CRO_B("sigint")));
  CHECK_INT(SIGHUP, cro_signal_number(CRO_B("1")));
  CHECK_INT(CRO_E_INVAL, cro_signal_number(CRO_B("SIG")));
  CHECK_INT(CRO_E_INVAL, cro_signal_number(CRO_B("SIGNOTHING")));
  CHECK_INT(CRO_E_INVAL, cro_signal_number(CRO_B("")));
  CHECK_INT(CRO_E_INVAL, cro_signal_number(CRO_B("0")));
  CHECK_INT(CRO_E_INVAL, cro_signal_number(CRO_B("99")));
  CHECK_INT(CRO_E_INVAL, cro_signal_number(CRO_B("-1")));
}

/* --- the end
 * --------------------------------------------------------------------------- */

static void never(void *arg, int err, cro_tcp *tcp)
{
  (void)tcp;
  CHECK_INT(CRO_E_CANCELLED, err);
  ++*(int *)arg;
}

static void destroy_closes_all_that_is_open(void)
{
  loopback lb = { 0 };
  cro_connect_options to = { .host = CRO_B("localhost"), .port = 9 };
  cro_connecting *connecting;
  cro_signal *sig;
  named timer;
  int cancelled = 0, fd;
  char big[100000] = { 0 };

  loopback_open(&lb);
  fd = loopback_client(&lb);
  for (int i = 0; i < 10; i++)
    (void)probe_send(&lb.probe, (cro_bytes){ big, sizeof big });
  CHECK_INT(0, cro_signal_open(&sig, lb.loop, SIGUSR1, on_signal, lb.loop));
  CHECK_INT(0, cro_connect(&connecting, lb.loop, &to, never, &cancelled));
  arm(lb.loop, &timer, 't', 60000);
  loopback_close(&lb);
  CHECK_INT(1, lb.closed);
  CHECK_INT(CRO_E_CANCELLED, lb.closed_err);
  CHECK_INT(1, lb.probe.destroys);
  CHECK_INT(1, cancelled);
  close(fd);
}

static int open_descriptors(void)
{
  int count = 0;

  for (int fd = 0; fd < 256; fd++)
    count += dup2(fd, fd) == fd;
  return count;
}

static void a_loop_leaves_no_descriptor_behind(void)
{
  int before;

  cro_loop_destroy(new_loop()); /* libuv keeps its signal pipe for the process */
  before = open_descriptors();
  for (int i = 0; i < 3; i++) {
    loopback lb = { .at_once = i == 1 };
    int fd;

    loopback_open(&lb);
    fd = loopback_client(&lb);
    loopback_close(&lb);
    close(fd);
  }
  CHECK_INT(before, open_descriptors());
}

static void on_aside(void *arg)
{
  tell('a');
  if (arg != NULL)
    cro_loop_stop(arg);
}

static void what_is_done_aside_does_not_keep_the_loop(void)
{
  cro_loop *loop = new_loop();
  named timer;

  cro_loop_aside(loop, 0, on_aside, NULL);
  cro_loop_run(loop);
  CHECK_TEXT("", cro_bytes_of(story));
  cro_loop_aside(loop, 100000, on_aside, NULL);
  cro_loop_aside(loop, 1, on_aside, NULL); /* the latest counts, and is called once */
  arm(loop, &timer, 't', 20);
  cro_loop_run(loop);
  CHECK_TEXT("at", cro_bytes_of(story));
  cro_loop_aside(loop, 1, on_aside, NULL);
  cro_loop_aside(loop, 0, NULL, NULL);
  arm(loop, &timer, 'u', 20);
  cro_loop_run(loop);
  CHECK_TEXT("atu", cro_bytes_of(story));
  cro_loop_aside(loop, 0, on_aside, NULL);
  cro_loop_destroy(loop);
}

static void what_is_done_aside_does_not_wait_for_a_stopped_clock(void)
{
  cro_loop *loop = new_loop();

  CHECK_INT(0, cro_clock_stop(loop));
  cro_loop_keep(loop, 1);
  cro_loop_aside(loop, 5, on_aside, loop);
  cro_loop_run(loop);
  CHECK_TEXT("a", cro_bytes_of(story));
  cro_loop_keep(loop, -1);
  cro_loop_destroy(loop);
}

TEST_MAIN(CASE(a_loop_with_nothing_to_do_returns),
          CASE(timers_keep_the_loop_running_and_fire_in_order),
          CASE(a_disarmed_timer_neither_fires_nor_keeps_the_loop),
          CASE(a_timer_due_at_once_fires_in_the_next_turn),
          CASE(a_turn_resumes_stages_then_calls_the_hook_then_fires_timers),
          CASE(a_hook_that_asks_is_called_again_without_waiting),
          CASE(a_hook_is_left_alone_until_woken),
          CASE(posts_of_other_threads_arrive_once_and_in_order),
          CASE(a_post_nobody_ran_for_is_called_by_destroy),
          CASE(what_is_done_aside_does_not_keep_the_loop),
          CASE(what_is_done_aside_does_not_wait_for_a_stopped_clock),
          CASE(signals_are_called_in_the_loop_until_closed),
          CASE(signals_nobody_can_handle_are_refused),
          CASE(signals_have_names_and_numbers), CASE(destroy_closes_all_that_is_open),
          CASE(a_loop_leaves_no_descriptor_behind))
