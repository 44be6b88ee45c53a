#pragma once
// What linux/if_xdp.h says since the headers that we build with (Linux 6.1).

#include <cstdint>

namespace windhover::backends::xdp::uapi {

/// struct xdp_umem_reg of Linux 6.8. Older kernels read the front of it that they know.
struct UmemRegistration {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint32_t chunk_size = 0;
  std::uint32_t headroom = 0;
  std::uint32_t flags = 0;
  std::uint32_t metadata_size = 0;
};
static_assert(sizeof(UmemRegistration) == 32);

inline constexpr std::uint32_t kUmemMetadata = 1U << 2;     ///< XDP_UMEM_TX_METADATA_LEN, Linux 6.11.
inline constexpr std::uint16_t kBindMultiBuffer = 1U << 4;  ///< XDP_USE_SG, Linux 6.6.
inline constexpr int kTransmitBudget = 9;  ///< XDP_MAX_TX_SKB_BUDGET, Linux 6.17: descriptors that one call sends.

}  // namespace windhover::backends::xdp::uapi
