/* base/list.h - an intrusive, circular, doubly linked list.
 *
 * A node is in one list at a time. An initialised node that is in no list points
 * to itself, so removing it twice is harmless.
 */
#ifndef CRO_BASE_LIST_H
#define CRO_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct cro_list cro_list;
struct cro_list {
  cro_list *prev, *next;
};

/* An empty list, or a node that is in none. */
static inline void cro_list_init(cro_list *node)
{
  node->prev = node->next = node;
}

/* No node is in the list; of a node: it is in no list. */
static inline bool cro_list_empty(const cro_list *list)
{
  return list->next == list;
}

/* Puts `node` (in no list) last in `list`. */
static inline void cro_list_push(cro_list *list, cro_list *node)
{
  node->prev = list->prev;
  node->next = list;
  list->prev->next = node;
  list->prev = node;
}

/* Takes the node out of its list; harmless when it is in none. */
static inline void cro_list_remove(cro_list *node)
{
  node->prev->next = node->next;
  node->next->prev = node->prev;
  cro_list_init(node);
}

/* Takes the first node out, or NULL. */
static inline cro_list *cro_list_shift(cro_list *list)
{
  cro_list *first = list->next;

  if (first == list)
    return NULL;
  cro_list_remove(first);
  return first;
}

/* Moves all nodes of `from` to the end of `to`. */
static inline void cro_list_splice(cro_list *to, cro_list *from)
{
  if (cro_list_empty(from))
    return;
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  cro_list_init(from);
}

#endif
