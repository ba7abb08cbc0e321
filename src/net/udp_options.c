/* What a datagram socket is set to: at its opening, later, and its multicast groups. */
#include "net/udp_socket.h"

#include "base/err.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

static int set_int(int fd, int level, int name, int value)
{
  if (setsockopt(fd, level, name, &value, sizeof value) != 0)
    return cro_err_from_errno(errno);
  return 0;
}

/* A number that both families have: on a socket of both it is set for both. IPv4 may
 * be missing there. */
static int set_both(int fd, int family, int v4, int v6, int value)
{
  if (family != AF_INET6)
    return set_int(fd, IPPROTO_IP, v4, value);
  (void)set_int(fd, IPPROTO_IP, v4, value);
  return set_int(fd, IPPROTO_IPV6, v6, value);
}

int net_udp_configure(int fd, int family, const cro_udp_options *options)
{
  const struct {
    bool wanted;
    int level, name, value;
  } settings[] = {
    { options->reuse_address, SOL_SOCKET, SO_REUSEADDR, 1 },
    { options->reuse_port, SOL_SOCKET, SO_REUSEPORT, 1 },
    { options->broadcast, SOL_SOCKET, SO_BROADCAST, 1 },
    { options->recv_buffer > 0, SOL_SOCKET, SO_RCVBUF, options->recv_buffer },
    { options->send_buffer > 0, SOL_SOCKET, SO_SNDBUF, options->send_buffer },
    { family == AF_INET6, IPPROTO_IPV6, IPV6_V6ONLY, options->ipv6_only },
    { true, SOL_SOCKET, SO_RXQ_OVFL, 1 },
  };

  if (options->ipv6_only && family != AF_INET6)
    return CRO_E_ADDRNOTAVAIL;
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    int rc = settings[i].wanted
                 ? set_int(fd, settings[i].level, settings[i].name, settings[i].value)
                 : 0;

    if (rc != 0)
      return rc;
  }
  if (options->ttl == 0)
    return 0;
  return set_both(fd, family, IP_TTL, IPV6_UNICAST_HOPS, options->ttl);
}

int cro_udp_set(cro_udp *udp, cro_udp_setting setting, int value)
{
  switch (setting) {
  case CRO_UDP_BROADCAST:
    return set_int(udp->fd, SOL_SOCKET, SO_BROADCAST, value);
  case CRO_UDP_TTL:
    return set_both(udp->fd, udp->family, IP_TTL, IPV6_UNICAST_HOPS, value);
  case CRO_UDP_MULTICAST_TTL:
    return set_both(udp->fd, udp->family, IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS, value);
  case CRO_UDP_MULTICAST_LOOP:
    return set_both(udp->fd, udp->family, IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP,
                    value);
  }
  return CRO_E_INVAL;
}

bool cro_udp_address(const cro_udp *udp, bool peer, char host[64], int *port)
{
  net_address address = { 0 };
  socklen_t size = sizeof address;
  net_text text;
  int rc = peer ? getpeername(udp->fd, &address.sa, &size)
                : getsockname(udp->fd, &address.sa, &size);

  if (rc != 0)
    return false;
  net_address_text(&address, &text);
  memcpy(host, text.host, sizeof text.host);
  *port = text.port;
  return true;
}

/* --- multicast -------------------------------------------------------------------- */

typedef struct {
  int index;         /* 0: the system's choice, or `v4` */
  struct in_addr v4; /* 0: none */
} chosen_interface;

static int find_interface(cro_bytes text, chosen_interface *out)
{
  char name[IF_NAMESIZE];
  net_address address;

  *out = (chosen_interface){ 0 };
  if (text.len == 0)
    return 0;
  if (net_address_parse(text, 0, &address) == 0) {
    if (address.sa.sa_family != AF_INET)
      return CRO_E_ADDRNOTAVAIL;
    out->v4 = address.v4.sin_addr;
    return 0;
  }
  if (text.len >= sizeof name)
    return CRO_E_ADDRNOTAVAIL;
  memcpy(name, text.at, text.len);
  name[text.len] = '\0';
  out->index = (int)if_nametoindex(name);
  return out->index > 0 ? 0 : CRO_E_ADDRNOTAVAIL;
}

static bool is_multicast(const net_address *group)
{
  if (group->sa.sa_family == AF_INET)
    return IN_MULTICAST(ntohl(group->v4.sin_addr.s_addr));
  return IN6_IS_ADDR_MULTICAST(&group->v6.sin6_addr);
}

static int member4(cro_udp *udp, const net_address *group, const chosen_interface *at,
                   bool join)
{
  struct ip_mreqn request = {
    .imr_multiaddr = group->v4.sin_addr,
    .imr_address = at->v4,
    .imr_ifindex = at->index,
  };

  return setsockopt(udp->fd, IPPROTO_IP, join ? IP_ADD_MEMBERSHIP : IP_DROP_MEMBERSHIP,
                    &request, sizeof request);
}

static int member6(cro_udp *udp, const net_address *group, const chosen_interface *at,
                   bool join)
{
  struct ipv6_mreq request = {
    .ipv6mr_multiaddr = group->v6.sin6_addr,
    .ipv6mr_interface = (unsigned)at->index,
  };

  if (request.ipv6mr_interface == 0)
    request.ipv6mr_interface = group->v6.sin6_scope_id;
  return setsockopt(udp->fd, IPPROTO_IPV6,
                    join ? IPV6_ADD_MEMBERSHIP : IPV6_DROP_MEMBERSHIP, &request,
                    sizeof request);
}

int cro_udp_member(cro_udp *udp, cro_bytes group, cro_bytes interface, bool join)
{
  chosen_interface at;
  net_address address;
  int rc;

  if (net_address_parse(group, 0, &address) != 0 || !is_multicast(&address))
    return CRO_E_INVAL;
  rc = find_interface(interface, &at);
  if (rc != 0)
    return rc;
  if (address.sa.sa_family == AF_INET)
    rc = member4(udp, &address, &at, join);
  else
    rc = member6(udp, &address, &at, join);
  return rc == 0 ? 0 : cro_err_from_errno(errno);
}

int cro_udp_multicast_interface(cro_udp *udp, cro_bytes interface)
{
  struct ip_mreqn v4 = { 0 };
  chosen_interface at;
  int rc = find_interface(interface, &at);

  if (rc != 0)
    return rc;
  v4.imr_address = at.v4;
  v4.imr_ifindex = at.index;
  rc = setsockopt(udp->fd, IPPROTO_IP, IP_MULTICAST_IF, &v4, sizeof v4);
  if (udp->family == AF_INET6 && at.v4.s_addr == 0)
    return set_int(udp->fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, at.index);
  return rc == 0 ? 0 : cro_err_from_errno(errno);
}
