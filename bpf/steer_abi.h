/* What the steering program and the process that loads it say to each other: the one text that both sides read.
 *
 * C, for clang's BPF target and for C++ alike. Addresses are 16 octets in network order, IPv4 as ::ffff:a.b.c.d
 * (RFC 4291 2.5.5.2). Ports are in host order.
 */
#ifndef WINDHOVER_BPF_STEER_ABI_H
#define WINDHOVER_BPF_STEER_ABI_H

#include <linux/types.h>

/* Bounds of the maps. */
#define WH_QUEUES_MAX 64
#define WH_ADDRESSES_MAX 256
#define WH_ENDPOINTS_MAX 4096

/* What an address is to the program: bits of a wh_addresses value. */
enum wh_address_flags {
  WH_ADDRESS_OWNED = 1,     /* Everything sent to it is ours, and its ARP and NDP. */
  WH_ADDRESS_SHARED = 2,    /* The host's too: TCP to a taken port is ours, and ICMP errors that quote such a flow. */
  WH_ADDRESS_TUNNELLED = 4, /* As SHARED, but only inside of a tunnel (direct server return); outside it is passed. */
  WH_ADDRESS_ENDPOINT = 8,  /* IPIP and IP6IP6 tunnels may end here. */
};

struct wh_address {
  __u8 octets[16];
};

/* An address and a port that are taken. Padding is zero: it is part of the key. */
struct wh_endpoint {
  struct wh_address address;
  __u16 port;
  __u16 zero;
};

/* Indices of the per-CPU statistics, wh_statistics. Every frame counts once in RX_PACKETS and once in one of
 * REDIRECTED, PASSED and DROPPED; the rest say why. */
enum wh_statistic {
  WH_RX_PACKETS,
  WH_RX_BYTES,
  WH_REDIRECTED,
  WH_PASSED,
  WH_DROPPED,      /* Could be neither passed nor redirected: a failure while a tunnel's header was taken off. */
  WH_MALFORMED,    /* Of the passed: too short or self-contradictory for what it says it is. */
  WH_DECAPSULATED, /* Of the redirected: arrived in a tunnel. */
  WH_NO_SOCKET,    /* Of the passed: ours, but no socket is bound to its queue (yet, or any more). */
  WH_STATISTIC_COUNT,
};

#endif
