/* bind/loose.h - what stands in for a socket beneath a chain of C parts that has none.
 *
 * It has the clock and the deadline of the connection it is composed for, where there
 * is one, and is shared by that connection's chains, or by those of one run of a
 * pipeline without a connection, so that parser and serializer know each other. To
 * close it is to end what comes out of them. It goes with the last of them.
 */
#ifndef CRO_BIND_LOOSE_H
#define CRO_BIND_LOOSE_H

#include "bind/tcp.h"

/* One chain; embedded in it. */
typedef struct lcro_loose_link {
  lcro_loose *loose; /* NULL: it has a socket, or its stages are gone */
  cro_list node;
  lcro_outlet **outlet; /* ended when the connection is closed */
} lcro_loose_link;

/* Joins that of the connection; without one (NULL) that of another chain, or (NULL) one
 * of its own. 0 or CRO_E_NOMEM. */
int lcro_loose_join(lcro_loose_link *link, lcro_app *app, lcro_tcp *tcp,
                    const lcro_loose_link *beside, lcro_outlet **outlet);
/* Harmless when it has not joined. */
void lcro_loose_leave(lcro_loose_link *link);

/* What its stages share. */
cro_conn *lcro_loose_conn(lcro_loose *loose);

/* The connection with a socket that this one is, or stands in for; NULL: none. */
cro_conn *lcro_real_conn(cro_conn *conn);

#endif
