/* The steering program: what is ours goes to the AF_XDP socket of the queue that it came from, the rest to the kernel.
 *
 * A glance decides about whole TCP and UDP packets in untagged frames without IP options or extension headers, which is
 * nearly everything. The rest is examined: VLAN priority tags, options, extension headers, fragments, ICMP errors, ARP,
 * NDP, tunnels. What is handed to a socket always begins with a plain Ethernet header: tags and tunnel headers are off.
 */

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/tcp.h>
#include <stdbool.h>
/* */
#include "bpf/packet.bpf.h"
#include "bpf/steer_abi.h"

#define WH_VLAN_TAGS_MAX 2

/* Of the families that bpf_fib_lookup() asks for. */
#define WH_AF_INET 2
#define WH_AF_INET6 10

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, WH_ADDRESSES_MAX);
  __type(key, struct wh_address);
  __type(value, __u32);
} wh_addresses SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, WH_ENDPOINTS_MAX);
  __type(key, struct wh_endpoint);
  __type(value, __u32);
} wh_endpoints SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, WH_QUEUES_MAX);
  __type(key, __u32);
  __type(value, __u32);
} wh_sockets SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct wh_statistics);
} wh_statistics SEC(".maps");

enum decision {
  NOT_OURS,
  MALFORMED,
  OURS,
  OURS_TUNNELLED, /* Ours, and its tunnel's headers are off. */
  NO_SOCKET,      /* Ours, and found to have no socket before anything was changed. */
  BROKEN,         /* Ours, changed, and lost. */
  UNDECIDED,      /* More than a glance is needed. */
};

static __always_inline __u32 flags_of(const struct wh_address* address) {
  const __u32* flags = bpf_map_lookup_elem(&wh_addresses, address);
  return flags ? *flags : 0;
}

/* Whether TCP to that port of that address is ours. `roles` are the flags by which it may be; `port` is as on the wire.
 */
static __always_inline bool is_taken(const struct wh_address* address, __be16 port, __u32 roles) {
  struct wh_endpoint key __attribute__((aligned(8))) = {.address = *address, .port = bpf_ntohs(port), .zero = 0};
  const __u32* flags = bpf_map_lookup_elem(&wh_endpoints, &key);
  return flags && (*flags & roles) != 0;
}

/* ------------------------------------------------------------------------------------------------------ a glance */

/* Sizes are compared as numbers: without CAP_PERFMON the verifier lets no packet pointer be subtracted from another,
 * nor moved by what a packet says. `size`: octets of the frame from `at` on. */

/* A whole packet of `payload_size` octets behind an IP header without options; `key` holds its destination. */
static __always_inline enum decision judge_plain(struct wh_endpoint* key, __u8 protocol, const struct tcphdr* tcp,
                                                 __u32 payload_size) {
  if (protocol == IPPROTO_TCP) {
    if (tcp->doff < 5 || tcp->doff * 4U > payload_size) return MALFORMED;
    key->port = bpf_ntohs(tcp->dest);
    key->zero = 0;
    const __u32* flags = bpf_map_lookup_elem(&wh_endpoints, key);
    if (flags) return (*flags & (WH_ADDRESS_OWNED | WH_ADDRESS_SHARED)) != 0 ? OURS : NOT_OURS;
  } else if (protocol != IPPROTO_UDP) {
    return UNDECIDED;
  }
  return (flags_of(&key->address) & WH_ADDRESS_OWNED) != 0 ? OURS : NOT_OURS;
}

static __always_inline enum decision glance_v4(void* at, void* end, __u32 size) {
  const struct iphdr* ip = at;
  const struct tcphdr* tcp = (void*)(ip + 1);
  if ((void*)(tcp + 1) > end) return UNDECIDED;
  if (*(const __u8*)at != 0x45 || (ip->frag_off & bpf_htons(0x3fff)) != 0) return UNDECIDED;
  const __u32 total_size = bpf_ntohs(ip->tot_len);
  if (total_size < sizeof *ip || total_size > size) return UNDECIDED;
  struct wh_endpoint key __attribute__((aligned(8)));
  map_v4(&key.address, ip->daddr);
  return judge_plain(&key, ip->protocol, tcp, total_size - sizeof *ip);
}

static __always_inline enum decision glance_v6(void* at, void* end, __u32 size) {
  const struct ipv6hdr* ip = at;
  const struct tcphdr* tcp = (void*)(ip + 1);
  if ((void*)(tcp + 1) > end) return UNDECIDED;
  if (ip->version != 6 || is_mapped(&ip->saddr) || is_mapped(&ip->daddr)) return UNDECIDED;
  const __u32 payload_size = bpf_ntohs(ip->payload_len);
  if (sizeof *ip + payload_size > size) return UNDECIDED;
  struct wh_endpoint key __attribute__((aligned(8)));
  __builtin_memcpy(&key.address, &ip->daddr, sizeof key.address);
  return judge_plain(&key, ip->nexthdr, tcp, payload_size);
}

/* --------------------------------------------------------------------------------------------- a closer examination */

/* ARP for Ethernet and IPv4, a request or a reply (RFC 826). What somebody says from an owned address is ours too: it
 * is a conflict, and an answer to a probe of ours, which comes from no address, names no target (RFC 5227 2.1.1).
 */
static __always_inline enum decision judge_arp(struct xdp_md* ctx, __u32 at, __u32 end) {
  struct {
    __be16 hardware, protocol;
    __u8 hardware_size, protocol_size;
    __be16 operation;
    __u8 sender_hardware[6], sender[4], target_hardware[6], target[4];
  } arp;
  if (!LOAD(ctx, at, end, &arp, sizeof arp)) return MALFORMED;
  if (arp.hardware != bpf_htons(1) || arp.protocol != bpf_htons(ETH_P_IP)) return NOT_OURS;
  if (arp.hardware_size != 6 || arp.protocol_size != 4) return MALFORMED;
  if (arp.operation != bpf_htons(1) && arp.operation != bpf_htons(2)) return NOT_OURS;
  __u32 target, sender;
  __builtin_memcpy(&target, arp.target, sizeof target);
  __builtin_memcpy(&sender, arp.sender, sizeof sender);
  struct wh_address address __attribute__((aligned(8)));
  map_v4(&address, target);
  if ((flags_of(&address) & WH_ADDRESS_OWNED) != 0) return OURS;
  map_v4(&address, sender);
  return (flags_of(&address) & WH_ADDRESS_OWNED) != 0 ? OURS : NOT_OURS;
}

/* A Neighbour Solicitation or Advertisement whatever it is addressed to (RFC 4861 4.3, 4.4): it is about its target. An
 * advertisement of an owned address is another's, and comes to all nodes.
 */
static __always_inline enum decision judge_neighbour(struct xdp_md* ctx, const struct packet* packet) {
  __u8 type;
  if (!LOAD(ctx, packet->payload, packet->end, &type, 1)) return MALFORMED;
  if (type != 135 && type != 136) return NOT_OURS;
  struct wh_address target __attribute__((aligned(8)));
  if (!LOAD(ctx, packet->payload + 8, packet->end, &target, sizeof target)) return MALFORMED;
  return (flags_of(&target) & WH_ADDRESS_OWNED) != 0 ? OURS : NOT_OURS;
}

static __always_inline enum decision judge_tcp(struct xdp_md* ctx, const struct packet* packet, __u32 roles) {
  if (packet->fragment == WH_LATER_FRAGMENT) return NOT_OURS;
  __be16 ports[2];
  if (packet->fragment == WH_FIRST_FRAGMENT) {
    if (!LOAD(ctx, packet->payload, packet->end, ports, sizeof ports)) return MALFORMED;
  } else {
    struct tcphdr tcp;
    if (!LOAD(ctx, packet->payload, packet->end, &tcp, sizeof tcp)) return MALFORMED;
    if (tcp.doff < 5 || packet->payload + tcp.doff * 4U > packet->end) return MALFORMED;
    ports[1] = tcp.dest;
  }
  return is_taken(&packet->destination, ports[1], roles) ? OURS : NOT_OURS;
}

/* An ICMP error is ours when it quotes a segment that we sent (RFC 792, RFC 4443 3). */
static __noinline enum decision judge_icmp(struct xdp_md* ctx, const struct packet* packet, __u32 roles) {
  if (packet->fragment != WH_WHOLE) return NOT_OURS;
  const bool is_v4 = packet->ether_type == ETH_P_IP;
  __u8 head[8];
  if (!LOAD(ctx, packet->payload, packet->end, head, sizeof head)) return MALFORMED;
  if (is_v4 ? head[0] != 3 && head[0] != 11 && head[0] != 12 : head[0] < 1 || head[0] > 4) return NOT_OURS;
  struct packet quote = {};
  const __u32 at = packet->payload + sizeof head;
  if (!(is_v4 ? read_v4(ctx, at, packet->end, true, &quote) : read_v6(ctx, at, packet->end, true, &quote))) {
    return MALFORMED;
  }
  if (quote.protocol != IPPROTO_TCP || quote.fragment == WH_LATER_FRAGMENT) return NOT_OURS;
  if (!is_same(&quote.source, &packet->destination)) return NOT_OURS;
  __be16 port;
  if (!LOAD(ctx, quote.payload, quote.end, &port, sizeof port)) return MALFORMED;
  return is_taken(&packet->destination, port, roles) ? OURS : NOT_OURS;
}

/* `roles` are the flags by which it may be ours; `flags` are those of its destination. */
static __noinline enum decision judge(struct xdp_md* ctx, const struct packet* packet, __u32 flags, __u32 roles) {
  if ((flags & roles & WH_ADDRESS_OWNED) != 0) return OURS;
  if ((flags & roles) == 0) return NOT_OURS;
  if (packet->protocol == IPPROTO_TCP) return judge_tcp(ctx, packet, roles);
  const __u8 icmp = packet->ether_type == ETH_P_IP ? IPPROTO_ICMP : WH_PROTOCOL_ICMPV6;
  return packet->protocol == icmp ? judge_icmp(ctx, packet, roles) : NOT_OURS;
}

static __always_inline bool is_tunnel(const struct packet* packet) {
  return packet->protocol == IPPROTO_IPIP || packet->protocol == IPPROTO_IPV6;
}

/* Reads what lies in a tunnel into `inner`, and judges that. A tunnel within a tunnel is not ours. */
static __always_inline enum decision judge_inner(struct xdp_md* ctx, const struct packet* outer, struct packet* inner) {
  if (outer->fragment != WH_WHOLE) return NOT_OURS;
  const bool read = outer->protocol == IPPROTO_IPIP ? read_v4(ctx, outer->payload, outer->end, false, inner)
                                                    : read_v6(ctx, outer->payload, outer->end, false, inner);
  if (!read) return MALFORMED;
  if (is_tunnel(inner)) return NOT_OURS;
  return judge(ctx, inner, flags_of(&inner->destination), WH_ADDRESS_OWNED | WH_ADDRESS_SHARED | WH_ADDRESS_TUNNELLED);
}

/* --------------------------------------------------------------------------------------------- taking headers off */

/* Writes into `mac` who the way back to the packet's source begins with, if the kernel knows. */
static __noinline void find_way_back(struct xdp_md* ctx, const struct packet* packet, __u8* mac) {
  struct bpf_fib_lookup lookup = {.ifindex = ctx->ingress_ifindex, .l4_protocol = IPPROTO_TCP};
  if (packet->ether_type == ETH_P_IP) {
    lookup.family = WH_AF_INET;
    __builtin_memcpy(&lookup.ipv4_src, &packet->destination.octets[12], 4);
    __builtin_memcpy(&lookup.ipv4_dst, &packet->source.octets[12], 4);
  } else {
    lookup.family = WH_AF_INET6;
    __builtin_memcpy(lookup.ipv6_src, &packet->destination, 16);
    __builtin_memcpy(lookup.ipv6_dst, &packet->source, 16);
  }
  /* As for a packet of the host's own, and by this interface, where we answer. */
  if (bpf_fib_lookup(ctx, &lookup, sizeof lookup, BPF_FIB_LOOKUP_OUTPUT) == BPF_FIB_LKUP_RET_SUCCESS) {
    __builtin_memcpy(mac, lookup.dmac, ETH_ALEN);
  }
}

/* Leaves nothing of the frame in front of the IP or ARP packet at `at` but a plain Ethernet header, `header`. */
static __always_inline bool uncover(struct xdp_md* ctx, __u32 at, const struct ethhdr* header) {
  if (bpf_xdp_adjust_head(ctx, (int)(at - sizeof *header)) != 0) return false;
  struct ethhdr* to = (void*)(long)ctx->data;
  if ((void*)(to + 1) > (void*)(long)ctx->data_end) return false;
  __builtin_memcpy(to, header, sizeof *header);
  return true;
}

static __always_inline bool has_socket(struct xdp_md* ctx) {
  const __u32 queue = ctx->rx_queue_index;
  return bpf_map_lookup_elem(&wh_sockets, &queue) != NULL;
}

/* Everything that a glance left undecided. */
static __noinline enum decision examine(struct xdp_md* ctx) {
  const __u32 end = (__u32)bpf_xdp_get_buff_len(ctx);
  struct ethhdr header;
  __u32 at = sizeof header;
  if (!LOAD(ctx, 0, end, &header, sizeof header)) return MALFORMED;
  for (int tags = 0; tags < WH_VLAN_TAGS_MAX; ++tags) {
    if (header.h_proto != bpf_htons(ETH_P_8021Q) && header.h_proto != bpf_htons(ETH_P_8021AD)) break;
    __be16 tag[2];
    if (!LOAD(ctx, at, end, tag, sizeof tag)) return MALFORMED;
    if ((tag[0] & bpf_htons(0x0fff)) != 0) return NOT_OURS;
    header.h_proto = tag[1];
    at += sizeof tag;
  }
  enum decision decision = NOT_OURS;
  if (header.h_proto == bpf_htons(ETH_P_ARP)) {
    decision = judge_arp(ctx, at, end);
  } else if (header.h_proto == bpf_htons(ETH_P_IP) || header.h_proto == bpf_htons(ETH_P_IPV6)) {
    struct packet outer = {};
    const bool read = header.h_proto == bpf_htons(ETH_P_IP) ? read_v4(ctx, at, end, false, &outer)
                                                            : read_v6(ctx, at, end, false, &outer);
    if (!read) return MALFORMED;
    const __u32 flags = flags_of(&outer.destination);
    if ((flags & WH_ADDRESS_ENDPOINT) != 0 && is_tunnel(&outer)) {
      struct packet inner = {};
      decision = judge_inner(ctx, &outer, &inner);
      if (decision == OURS) {
        if (!has_socket(ctx)) return NO_SOCKET;
        header.h_proto = bpf_htons(inner.ether_type);
        find_way_back(ctx, &inner, header.h_source);
        return uncover(ctx, outer.payload, &header) ? OURS_TUNNELLED : BROKEN;
      }
      if (decision == MALFORMED) return MALFORMED;
    }
    decision = judge(ctx, &outer, flags, WH_ADDRESS_OWNED | WH_ADDRESS_SHARED);
    if (decision == NOT_OURS && outer.ether_type == ETH_P_IPV6 && outer.protocol == WH_PROTOCOL_ICMPV6 &&
        outer.fragment == WH_WHOLE) {
      decision = judge_neighbour(ctx, &outer);
    }
  }
  if (decision != OURS || at == sizeof header) return decision;
  if (!has_socket(ctx)) return NO_SOCKET;
  return uncover(ctx, at, &header) ? OURS : BROKEN;
}

/* ------------------------------------------------------------------------------------------------------ the program */

/* Without CAP_PERFMON the verifier wants to see which counter it is on every path: the compiler must not let paths meet
 * that count differently and go on with the counter's offset in a register. */
#define COUNT(field)                                                                    \
  do {                                                                                  \
    ++statistics->field;                                                                \
    asm volatile("" ::"i"(__builtin_offsetof(struct wh_statistics, field)) : "memory"); \
  } while (0)

static __always_inline int pass(struct wh_statistics* statistics) {
  COUNT(passed);
  return XDP_PASS;
}

static __always_inline int redirect(struct xdp_md* ctx, struct wh_statistics* statistics, bool tunnelled) {
  /* A socket may go at any moment. What has lost its tunnel by then is nothing that the kernel could make sense of. */
  const int verdict = (int)bpf_redirect_map(&wh_sockets, ctx->rx_queue_index, tunnelled ? XDP_DROP : XDP_PASS);
  if (verdict == XDP_REDIRECT) {
    COUNT(redirected);
    if (tunnelled) COUNT(decapsulated);
  } else if (verdict == XDP_DROP) {
    COUNT(dropped);
  } else {
    COUNT(passed);
    COUNT(no_socket);
  }
  return verdict;
}

SEC("xdp.frags")
int wh_steer(struct xdp_md* ctx) {
  const __u32 zero = 0;
  struct wh_statistics* statistics = bpf_map_lookup_elem(&wh_statistics, &zero);
  if (!statistics) return XDP_PASS;
  COUNT(rx_packets);
  const __u32 size = (__u32)bpf_xdp_get_buff_len(ctx);
  statistics->rx_bytes += size;

  void* end = (void*)(long)ctx->data_end;
  struct ethhdr* frame = (void*)(long)ctx->data;
  enum decision decision = UNDECIDED;
  if ((void*)(frame + 1) <= end) {
    const __u32 rest = size - (__u32)sizeof *frame;
    if (frame->h_proto == bpf_htons(ETH_P_IP)) decision = glance_v4(frame + 1, end, rest);
    if (frame->h_proto == bpf_htons(ETH_P_IPV6)) decision = glance_v6(frame + 1, end, rest);
  }
  if (decision == OURS) return redirect(ctx, statistics, false);
  if (decision == UNDECIDED) decision = examine(ctx);

  switch (decision) {
    case OURS:
      return redirect(ctx, statistics, false);
    case OURS_TUNNELLED:
      return redirect(ctx, statistics, true);
    case NO_SOCKET:
      COUNT(no_socket);
      return pass(statistics);
    case MALFORMED:
      COUNT(malformed);
      return pass(statistics);
    case BROKEN:
      COUNT(dropped);
      return XDP_DROP;
    default:
      return pass(statistics);
  }
}

char wh_license[] SEC("license") = "Dual MIT/GPL";
