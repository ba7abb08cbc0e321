/* base/check.h - assertions that stay on in every build.
 *
 * cro_check states what only a fault of our own could break, never what a peer
 * or a script sent. A failed check prints the place and aborts: going on would
 * be worse.
 */
#ifndef CRO_BASE_CHECK_H
#define CRO_BASE_CHECK_H

/* Prints the place on stderr and aborts. Only cro_check calls this. */
_Noreturn void cro_check_failed(const char *what, const char *file, int line);

#define cro_check(what) ((what) ? (void)0 : cro_check_failed(#what, __FILE__, __LINE__))

/* The struct that holds `member` at `pointer`. */
#define CRO_CONTAINER(pointer, type, member)                                           \
  ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

#endif
