#pragma once
// An answer as an application composes it. The connection adds what framing and time ask for: status line, Server,
// Date, Connection, Content-Length.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "stack/base/buffer.h"
#include "stack/base/bytes.h"

namespace windhover::server::http {

/// The standard phrase for a status, such as "Not Found"; empty for a status without one.
std::string_view reason_phrase(std::uint16_t status);

/// One answer. A lane has a single Response, used again for each request, so nothing here allocates.
/// Ownership: "borrowed" bytes must stay as they are until respond() has returned and the connection has taken them in,
/// that is until control leaves the connection; owned bytes are copied here; a Slice carries its own reference.
class Response {
 public:
  static constexpr std::size_t kOwnedHeadersMax = 12 * 1024;
  static constexpr std::size_t kBorrowedHeadersMax = 2 * 1024;
  static constexpr std::size_t kOwnedBodyMax = 2 * 1024;
  static constexpr std::size_t kPlainBodyMax = 16 * 1024;

  /// Back to an empty 200.
  void reset();

  void set_status(std::uint16_t status) { status_ = status; }
  std::uint16_t status() const { return status_; }

  /// Ready-made field lines, each ended by CRLF, borrowed. At most one block an answer, at most kBorrowedHeadersMax
  /// bytes, and no field that the connection adds.
  void borrow_headers(std::string_view block);
  /// Copies a field line. False when there is no room, or when name or value could break out of its line.
  [[nodiscard]] bool add_header(std::string_view name, std::string_view value);

  /// The body; the last one set counts. Its size is the Content-Length also where no body may be sent (HEAD). Bodies
  /// that are not shared are copied into the send queue and best kept below a few KiB: at most kPlainBodyMax.
  void borrow_body(stack::base::Bytes bytes);
  void share_body(stack::base::Slice slice);
  /// Precondition: text.size() <= kOwnedBodyMax.
  void copy_body(std::string_view text);
  void clear_body();

  /// Asks that the connection ends after this answer.
  void close_connection() { close_ = true; }
  bool closes_connection() const { return close_; }

  std::string_view borrowed_headers() const { return borrowed_headers_; }
  std::string_view owned_headers() const { return {owned_headers_.data(), owned_headers_size_}; }
  bool has_shared_body() const { return shared_body_.size > 0; }
  /// The shared body, which this answer then has no longer. A moved-from Slice would keep its size, hence the exchange.
  stack::base::Slice take_shared_body() { return std::exchange(shared_body_, {}); }
  /// The body when it is not shared.
  stack::base::Bytes plain_body() const { return plain_body_; }
  std::size_t body_size() const { return shared_body_.size + plain_body_.size(); }

 private:
  std::uint16_t status_ = 200;
  bool close_ = false;
  std::string_view borrowed_headers_;
  std::size_t owned_headers_size_ = 0;
  stack::base::Bytes plain_body_;
  stack::base::Slice shared_body_;
  std::array<char, kOwnedHeadersMax> owned_headers_;
  std::array<char, kOwnedBodyMax> owned_body_;
};

}  // namespace windhover::server::http
