#include "tests/live/programs/pattern.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <vector>

namespace windhover::live {
namespace {

using stack::base::Bytes;

constexpr std::uint64_t kSeed = 0x57494e44484f5645;

std::vector<std::uint8_t> random_block() {
  std::vector<std::uint8_t> block(Pattern::kPeriod);
  std::uint64_t state = kSeed;
  for (std::size_t i = 0; i < block.size(); i += sizeof state) {
    state += 0x9e3779b97f4a7c15;  // SplitMix64.
    std::uint64_t value = (state ^ state >> 30) * 0xbf58476d1ce4e5b9;
    value = (value ^ value >> 27) * 0x94d049bb133111eb;
    value ^= value >> 31;
    std::memcpy(&block[i], &value, std::min(sizeof value, block.size() - i));
  }
  return block;
}

class Digest {
 public:
  Digest() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) {
    check(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
  }
  void add(Bytes bytes) { check(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size())); }
  std::string finish() {
    std::array<std::uint8_t, EVP_MAX_MD_SIZE> value{};
    unsigned size = 0;
    check(EVP_DigestFinal_ex(context_.get(), value.data(), &size));
    return fmt::format("{:02x}", fmt::join(value.begin(), value.begin() + size, ""));
  }

 private:
  static void check(int done) {
    if (done != 1) throw std::runtime_error("OpenSSL does not compute SHA-256");
  }

  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

}  // namespace

Pattern::Pattern() {
  const std::vector<std::uint8_t> block = random_block();
  block_ = stack::base::copy_to_heap(block).buffer;
}

Pattern::~Pattern() = default;

stack::base::Slice Pattern::part(std::uint64_t offset, std::uint64_t size) const {
  const std::size_t from = offset % kPeriod;
  return {block_, from, static_cast<std::size_t>(std::min<std::uint64_t>(size, kPeriod - from))};
}

std::string Pattern::digest(std::uint64_t size) const {
  Digest digest;
  for (std::uint64_t at = 0; at < size;) {
    const Bytes bytes = part(at, size - at).bytes();
    digest.add(bytes);
    at += bytes.size();
  }
  return digest.finish();
}

std::string sha256(Bytes bytes) {
  Digest digest;
  digest.add(bytes);
  return digest.finish();
}

}  // namespace windhover::live
