#pragma once
/* What the steering program and the process that loads it say to each other: the one text that both sides read.
 *
 * C, for clang's BPF target and for C++ alike. Addresses are 16 octets in network order, IPv4 as ::ffff:a.b.c.d
 * (RFC 4291 2.5.5.2). Ports are in host order.
 *
 *   wh_addresses   hash         wh_address -> __u32    what an address is: wh_address_flags
 *   wh_endpoints   hash         wh_endpoint -> __u32   a taken port; the flags of its address
 *   wh_sockets     XSKMAP       queue -> socket
 *   wh_statistics  per-CPU      0 -> wh_statistics
 */

#include <linux/types.h>

/* Bounds of the maps. */
#define WH_QUEUES_MAX 64
#define WH_ADDRESSES_MAX 256
#define WH_ENDPOINTS_MAX 4096

/* What an address is to the program. */
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

/* Every frame counts once in rx_packets and once in one of redirected, passed and dropped; the rest say why. */
struct wh_statistics {
  __u64 rx_packets;
  __u64 rx_bytes;
  __u64 redirected;
  __u64 passed;
  __u64 dropped;      /* Could be neither passed nor redirected: a failure once its outer headers were taken off. */
  __u64 malformed;    /* Of the passed: too short or self-contradictory for what it says it is. */
  __u64 decapsulated; /* Of the redirected: arrived in a tunnel. */
  __u64 no_socket;    /* Of the passed: ours, but no socket is bound to its queue (yet, or any more). */
};
