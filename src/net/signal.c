#include "net/net.h"

#include "base/alloc.h"
#include "base/check.h"
#include "base/err.h"

#include <signal.h>
#include <stdlib.h>
#include <strings.h>

struct cro_signal {
  uv_signal_t uv;
  cro_list node;
  cro_loop *loop;
  void (*fn)(void *arg, int number);
  void *arg;
};

static const struct {
  const char *name; /* without SIG */
  int number;
} names[] = {
  { "HUP", SIGHUP },       { "INT", SIGINT },   { "QUIT", SIGQUIT },
  { "ILL", SIGILL },       { "TRAP", SIGTRAP }, { "ABRT", SIGABRT },
  { "BUS", SIGBUS },       { "FPE", SIGFPE },   { "KILL", SIGKILL },
  { "USR1", SIGUSR1 },     { "SEGV", SIGSEGV }, { "USR2", SIGUSR2 },
  { "PIPE", SIGPIPE },     { "ALRM", SIGALRM }, { "TERM", SIGTERM },
  { "CHLD", SIGCHLD },     { "CONT", SIGCONT }, { "STOP", SIGSTOP },
  { "TSTP", SIGTSTP },     { "TTIN", SIGTTIN }, { "TTOU", SIGTTOU },
  { "URG", SIGURG },       { "XCPU", SIGXCPU }, { "XFSZ", SIGXFSZ },
  { "VTALRM", SIGVTALRM }, { "PROF", SIGPROF }, { "WINCH", SIGWINCH },
  { "IO", SIGIO },         { "SYS", SIGSYS },
};

static int number_of_digits(cro_bytes text)
{
  int number = 0;

  if (text.len == 0 || text.len > 2)
    return CRO_E_INVAL;
  for (size_t i = 0; i < text.len; i++) {
    if (text.at[i] < '0' || text.at[i] > '9')
      return CRO_E_INVAL;
    number = number * 10 + (text.at[i] - '0');
  }
  return number > 0 && number < NSIG ? number : CRO_E_INVAL;
}

int cro_signal_number(cro_bytes name)
{
  if (name.len > 3 && strncasecmp(name.at, "SIG", 3) == 0)
    cro_bytes_take(&name, 3);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (cro_bytes_ieq(name, cro_bytes_of(names[i].name)))
      return names[i].number;
  return number_of_digits(name);
}

const char *cro_signal_name(int number)
{
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].number == number)
      return names[i].name;
  return NULL;
}

/* A handler for a fault would return to the faulting instruction for ever; closing a
 * handler of SIGPIPE would bring back its default, which is to end the process. */
bool cro_signal_catchable(int number)
{
  static const int never[] = { SIGKILL, SIGSTOP, SIGSEGV, SIGBUS,
                               SIGFPE,  SIGILL,  SIGPIPE };

  for (size_t i = 0; i < sizeof never / sizeof *never; i++)
    if (number == never[i])
      return false;
  return number > 0 && number < NSIG;
}

static void on_signal(uv_signal_t *uv, int number)
{
  cro_signal *sig = uv->data;

  sig->fn(sig->arg, number);
}

static void on_closed(uv_handle_t *handle)
{
  cro_free(handle->data);
}

int cro_signal_open(cro_signal **out, cro_loop *loop, int number,
                    void (*fn)(void *arg, int number), void *arg)
{
  cro_signal *sig;
  int rc;

  if (!cro_signal_catchable(number))
    return CRO_E_INVAL;
  if (loop->destroying)
    return CRO_E_CLOSED;
  sig = cro_alloc_zero(sizeof *sig);
  if (sig == NULL)
    return CRO_E_NOMEM;
  rc = uv_signal_init(&loop->uv, &sig->uv);
  if (rc != 0) {
    cro_free(sig);
    return cro_net_err(rc);
  }
  sig->uv.data = sig;
  sig->loop = loop;
  sig->fn = fn;
  sig->arg = arg;
  cro_list_push(&loop->signals, &sig->node);
  loop->signal_count++;
  rc = uv_signal_start(&sig->uv, on_signal, number);
  if (rc != 0) {
    cro_signal_close(sig);
    return cro_net_err(rc);
  }
  *out = sig;
  return 0;
}

void cro_signal_aside(cro_signal *sig)
{
  uv_unref((uv_handle_t *)&sig->uv);
}

void cro_signal_close(cro_signal *sig)
{
  cro_list_remove(&sig->node);
  sig->loop->signal_count--;
  uv_close((uv_handle_t *)&sig->uv, on_closed);
}

void net_signals_close(cro_loop *loop)
{
  while (!cro_list_empty(&loop->signals))
    cro_signal_close(CRO_CONTAINER(loop->signals.next, cro_signal, node));
}
