#pragma once
/* An IP packet inside of a frame, as the steering program reads it.
 *
 * Everything is copied out with bpf_xdp_load_bytes(), which also reaches what lies behind the linear part of a frame in
 * several buffers, and which lets offsets be plain numbers. A reader believes nothing that it has not bounded: `end` is
 * where the packet says that it ends, and never behind the frame.
 */

#include <linux/bpf.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <stdbool.h>
/* */
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "bpf/steer_abi.h"

/* RFC 8200 4.1 has use for seven. */
#define WH_EXTENSION_HEADERS_MAX 8

/* Not in linux/in.h's enumeration: no next header (RFC 8200 4.7), IPv6 ICMP, and the extension headers. */
#define WH_PROTOCOL_HOP_BY_HOP 0
#define WH_PROTOCOL_ROUTING 43
#define WH_PROTOCOL_FRAGMENT 44
#define WH_PROTOCOL_ICMPV6 58
#define WH_PROTOCOL_NONE 59
#define WH_PROTOCOL_DESTINATION_OPTIONS 60

enum wh_fragment {
  WH_WHOLE,          /* No fragment. */
  WH_FIRST_FRAGMENT, /* Shows the transport header. */
  WH_LATER_FRAGMENT, /* Does not. */
};

/* Offsets from the first byte of the frame. */
struct packet {
  struct wh_address source __attribute__((aligned(8)));
  struct wh_address destination __attribute__((aligned(8)));
  __u32 payload;    /* Of what `protocol` names; may lie behind `end` when an extension header says so. */
  __u32 end;        /* Behind the packet's last byte. */
  __u16 ether_type; /* ETH_P_IP or ETH_P_IPV6, in host order. */
  __u8 protocol;    /* WH_PROTOCOL_NONE where it cannot be known. */
  __u8 fragment;    /* enum wh_fragment */
};

/* Reads `size` bytes at `at`, all of them before `end`. False when they are not there. */
#define LOAD(ctx, at, end, to, size) ((at) + (size) <= (end) && bpf_xdp_load_bytes(ctx, at, to, size) == 0)

static __always_inline void map_v4(struct wh_address* address, __u32 value) {
  __builtin_memset(address, 0, 10);
  address->octets[10] = 0xff;
  address->octets[11] = 0xff;
  __builtin_memcpy(&address->octets[12], &value, sizeof value);
}

/* Both aligned to 8 bytes. */
static __always_inline bool is_same(const struct wh_address* one, const struct wh_address* other) {
  const __u64* a = (const void*)one;
  const __u64* b = (const void*)other;
  return a[0] == b[0] && a[1] == b[1];
}

/* The range that stands for IPv4 here and never belongs on a wire. `octets` are 16. */
static __always_inline bool is_mapped(const struct in6_addr* octets) {
  const __be32* word = octets->in6_u.u6_addr32;
  return word[0] == 0 && word[1] == 0 && word[2] == bpf_htonl(0xffff);
}

/* Functions that are not static are verified once and not at each call: it takes the kernel a tenth of the time to load
 * the program. They must then expect a null pointer, which nobody passes. */

/* Both readers: the IP header at `at` of a frame whose readable bytes end at `end`. `quoted`: an ICMP error quotes the
 * packet and may have cut it off. False when it is malformed. */
__noinline bool read_v4(struct xdp_md* ctx, __u32 at, __u32 end, bool quoted, struct packet* packet) {
  struct iphdr header;
  if (!packet || !LOAD(ctx, at, end, &header, sizeof header)) return false;
  const __u32 header_size = header.ihl * 4;
  const __u32 total_size = bpf_ntohs(header.tot_len);
  if (header.version != 4 || header_size < sizeof header || total_size < header_size) return false;
  if (!quoted && total_size > end - at) return false;
  packet->end = total_size < end - at ? at + total_size : end;
  packet->payload = at + header_size;
  packet->ether_type = 0x0800;
  packet->protocol = header.protocol;
  map_v4(&packet->source, header.saddr);
  map_v4(&packet->destination, header.daddr);
  const __u16 fragment = bpf_ntohs(header.frag_off);
  packet->fragment = (fragment & 0x1fff) != 0   ? WH_LATER_FRAGMENT
                     : (fragment & 0x2000) != 0 ? WH_FIRST_FRAGMENT
                                                : WH_WHOLE;
  return true;
}

/* From `payload` and `protocol` of the fixed header to those of the transport header. */
__noinline bool walk_extension_headers(struct xdp_md* ctx, struct packet* packet) {
  if (!packet) return false;
  for (int count = 0; count <= WH_EXTENSION_HEADERS_MAX; ++count) {
    __u8 head[4];
    const __u8 protocol = packet->protocol;
    if (protocol != WH_PROTOCOL_HOP_BY_HOP && protocol != WH_PROTOCOL_ROUTING && protocol != WH_PROTOCOL_FRAGMENT &&
        protocol != WH_PROTOCOL_DESTINATION_OPTIONS && protocol != IPPROTO_AH) {
      return true;
    }
    if (count == WH_EXTENSION_HEADERS_MAX) break;
    if (!LOAD(ctx, packet->payload, packet->end, head, sizeof head)) return false;
    __u32 size = (head[1] + 1U) * 8;
    if (protocol == IPPROTO_AH) size = (head[1] + 2U) * 4;
    if (protocol == WH_PROTOCOL_FRAGMENT) size = 8;
    packet->payload += size;
    packet->protocol = head[0];
    if (protocol == WH_PROTOCOL_FRAGMENT) {
      if (head[2] != 0 || (head[3] & 0xf8) != 0) {
        packet->fragment = WH_LATER_FRAGMENT;
        return true;
      }
      if ((head[3] & 1) != 0) packet->fragment = WH_FIRST_FRAGMENT;
    }
    /* The destination shown is then only the next of several. */
    if (protocol == WH_PROTOCOL_ROUTING && head[3] != 0) break;
  }
  packet->protocol = WH_PROTOCOL_NONE;
  return true;
}

__noinline bool read_v6(struct xdp_md* ctx, __u32 at, __u32 end, bool quoted, struct packet* packet) {
  struct ipv6hdr header;
  if (!packet || !LOAD(ctx, at, end, &header, sizeof header)) return false;
  const __u32 total_size = sizeof header + bpf_ntohs(header.payload_len);
  if (header.version != 6 || is_mapped(&header.saddr) || is_mapped(&header.daddr)) return false;
  if (!quoted && total_size > end - at) return false;
  packet->end = total_size < end - at ? at + total_size : end;
  packet->payload = at + sizeof header;
  packet->ether_type = 0x86dd;
  packet->protocol = header.nexthdr;
  packet->fragment = WH_WHOLE;
  __builtin_memcpy(&packet->source, &header.saddr, sizeof packet->source);
  __builtin_memcpy(&packet->destination, &header.daddr, sizeof packet->destination);
  return walk_extension_headers(ctx, packet);
}
