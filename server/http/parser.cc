#include "server/http/parser.h"

#include <llhttp.h>

#include <array>
#include <vector>

#include "server/http/characters.h"
#include "server/http/path.h"
#include "stack/base/check.h"

static_assert(LLHTTP_STRICT_MODE == 1, "llhttp's loose mode accepts what request smuggling is made of");

namespace windhover::server::http {
namespace {

using stack::base::Bytes;

std::string_view without_trailing_blanks(std::string_view text) {
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::string_view without_blanks(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  return without_trailing_blanks(text);
}

/// Digits that make a number below 2^63.
std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty()) return std::nullopt;
  constexpr std::uint64_t kMax = (std::uint64_t{1} << 63) - 1;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (value > (kMax - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return value;
}

bool valid_port(std::string_view text) {
  if (text.size() > 5) return false;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;
}

bool valid_registered_name(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_class(text[i], kHostText)) continue;
    if (text[i] != '%' || text.size() - i < 3) return false;
    if (!is_class(text[i + 1], kHexDigit) || !is_class(text[i + 2], kHexDigit)) return false;
    i += 2;
  }
  return !text.empty();
}

/// An IP literal's inside. Nothing is ever connected to it, so its letters are checked and not its meaning.
bool valid_literal(std::string_view text) {
  for (const char c : text) {
    if (!is_class(c, kHostText) && c != ':') return false;
  }
  return !text.empty();
}

/// uri-host [ ":" port ], RFC 9110 7.2; the host must not be empty.
bool is_host(std::string_view text) {
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || !valid_literal(text.substr(1, end - 1))) return false;
    const std::string_view rest = text.substr(end + 1);
    return rest.empty() || (rest.front() == ':' && valid_port(rest.substr(1)));
  }
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !valid_port(text.substr(colon + 1))) return false;
  return valid_registered_name(text.substr(0, colon));
}

/// What a Transfer-Encoding field says about the request.
std::optional<BadRequest> check_transfer_encoding(std::string_view value) {
  constexpr std::string_view kChunked = "chunked";
  if (equals_ignoring_case(value, kChunked)) return std::nullopt;
  bool chunked_seen = false;
  for (;;) {
    const std::size_t comma = value.find(',');
    const std::string_view coding = without_blanks(value.substr(0, comma));
    // Nothing may follow chunked, and a coding's name is a token (RFC 9112 7).
    if (chunked_seen || coding.empty() || !all_of_class(coding, kToken)) return BadRequest::kTransferEncoding;
    chunked_seen = equals_ignoring_case(coding, kChunked);
    if (comma == std::string_view::npos) return BadRequest::kTransferCoding;
    value.remove_prefix(comma + 1);
  }
}

/// The fields that decide about framing and routing, as they were met.
struct Framing {
  unsigned hosts = 0;
  unsigned lengths = 0;
  unsigned encodings = 0;
  std::string_view host;
  std::string_view length;
  std::string_view encoding;
  std::string_view expect;
  bool expects = false;
};

/// True when a token is that name, which is in small letters and hyphens. No other byte of a token becomes one of these
/// by setting the bit that makes letters small.
template <std::size_t N>
bool is_name(std::string_view token, const char (&name)[N]) {
  bool same = true;
  for (std::size_t i = 0; i < N - 1; ++i) same = same && (token[i] | 0x20) == name[i];
  return same;
}

void notice(const Header& header, Framing& framing) {
  switch (header.name.size()) {
    case 4:
      if (is_name(header.name, "host")) {
        ++framing.hosts;
        framing.host = header.value;
      }
      break;
    case 6:
      if (is_name(header.name, "expect")) {
        framing.expects = true;
        framing.expect = header.value;
      }
      break;
    case 14:
      if (is_name(header.name, "content-length")) {
        ++framing.lengths;
        framing.length = header.value;
      }
      break;
    case 17:
      if (is_name(header.name, "transfer-encoding")) {
        ++framing.encodings;
        framing.encoding = header.value;
      }
      break;
    default:
      break;
  }
}

std::optional<BadRequest> check_body(const Limits& limits, const Framing& framing, Request& request) {
  if (framing.lengths + framing.encodings == 0) return std::nullopt;
  if (framing.encodings > 1) return BadRequest::kTransferEncoding;
  if (framing.lengths + framing.encodings > 1) return BadRequest::kContentLengthRepeated;
  if (framing.encodings == 1) {
    if (request.version_minor == 0) return BadRequest::kTransferEncodingOld;
    if (const auto bad = check_transfer_encoding(framing.encoding)) return bad;
    request.chunked = true;
    return std::nullopt;
  }
  const auto length = parse_length(framing.length);
  if (!length) return BadRequest::kContentLength;
  if (*length > limits.max_request_body_size) return BadRequest::kBodyTooLarge;
  request.content_length = *length;
  return std::nullopt;
}

BadRequest reason_of(llhttp_errno_t error) {
  switch (error) {
    case HPE_UNEXPECTED_CONTENT_LENGTH:
      return BadRequest::kContentLengthRepeated;
    case HPE_INVALID_CONTENT_LENGTH:
      return BadRequest::kContentLength;
    case HPE_INVALID_TRANSFER_ENCODING:
      return BadRequest::kTransferEncoding;
    default:
      return BadRequest::kHeaderLine;
  }
}

}  // namespace

/// llhttp and where its callbacks put what they are shown.
struct Parser::Machine {
  explicit Machine(std::size_t headers_max) : headers(headers_max) {
    llhttp_settings_init(&settings);
    settings.on_header_field = [](llhttp_t* parser, const char* at, std::size_t size) {
      auto& self = *static_cast<Machine*>(parser->data);
      if (self.header_count == self.headers.size()) return static_cast<int>(HPE_USER);
      self.headers[self.header_count++] = {{at, size}, {}};
      self.name_sizes |= 1U << (size % 32);
      return 0;
    };
    settings.on_header_value = [](llhttp_t* parser, const char* at, std::size_t size) {
      auto& self = *static_cast<Machine*>(parser->data);
      self.headers[self.header_count - 1].value = without_trailing_blanks({at, size});
      return 0;
    };
    // The body's framing is not llhttp's affair.
    settings.on_headers_complete = [](llhttp_t*) { return static_cast<int>(HPE_PAUSED); };
    llhttp_init(&after_request_line, HTTP_REQUEST, &settings);
    after_request_line.data = this;
    constexpr std::string_view kRequestLine = "GET / HTTP/1.1\r\n";
    CHECK(llhttp_execute(&after_request_line, kRequestLine.data(), kRequestLine.size()) == HPE_OK);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  llhttp_settings_t settings;
  // HeadScan holds request lines to more than llhttp does, so llhttp is shown each head from behind its request line:
  // this is its state there, copied for each head.
  llhttp_t after_request_line;
  llhttp_t state;
  std::vector<Header> headers;  // As many as are allowed.
  std::size_t header_count = 0;
  std::uint32_t name_sizes = 0;
};

Parser::Parser(const Limits& limits)
    : limits_(limits),
      machine_(std::make_unique<Machine>(limits.max_request_header_count)),
      path_(std::make_unique<char[]>(limits.max_request_line_size)) {}

Parser::~Parser() = default;

std::size_t Parser::memory_size() const {
  return sizeof(Machine) + machine_->headers.size() * sizeof(Header) + limits_.max_request_line_size;
}

bool Parser::valid_host(std::string_view text) {
  if (text == std::string_view(last_host_.data(), last_host_size_)) return last_host_size_ > 0;
  if (!is_host(text)) return false;
  if (text.size() <= kHostMemorySize) {
    text.copy(last_host_.data(), text.size());
    last_host_size_ = text.size();
  }
  return true;
}

std::optional<BadRequest> Parser::read_absolute(Request& request, std::string_view& path) {
  const std::size_t scheme_size = path.find("://");
  if (scheme_size == std::string_view::npos) return BadRequest::kTarget;
  const std::string_view scheme = path.substr(0, scheme_size);
  if (!equals_ignoring_case(scheme, "http") && !equals_ignoring_case(scheme, "https")) return BadRequest::kTarget;
  path.remove_prefix(scheme_size + 3);
  const std::size_t authority_size = path.find('/');
  const std::string_view authority = path.substr(0, authority_size);
  if (authority.find('@') != std::string_view::npos) return BadRequest::kUserinfo;
  if (!valid_host(authority)) return BadRequest::kHost;
  request.host = authority;
  if (authority_size == std::string_view::npos) {
    // RFC 9112 3.2.4: the absolute form of "*" has an empty path and no query.
    path = request.method == Method::kOptions && request.query.data() == nullptr ? "*" : "/";
  } else {
    path.remove_prefix(authority_size);
  }
  return std::nullopt;
}

std::optional<BadRequest> Parser::read_target(const HeadScan& scan, Request& request) {
  std::string_view path = request.target;
  if ((scan.target_classes() & kTargetQuestion) != 0) {
    const std::size_t question = path.find('?');
    request.query = path.substr(question + 1);
    path = path.substr(0, question);
  }
  if (!path.starts_with('/')) {
    if (path == "*" && request.query.data() == nullptr) {
      if (request.method != Method::kOptions) return BadRequest::kTarget;
    } else if (const auto bad = read_absolute(request, path)) {
      return bad;
    }
  }
  request.path = path;
  const bool plain = (scan.target_classes() & (kTargetPercent | kTargetDot)) == 0 || path == "*" ||
                     (path.find('%') == std::string_view::npos && path.find("/.") == std::string_view::npos);
  if (plain) return std::nullopt;
  const auto decoded = decode_path(path, {path_.get(), limits_.max_request_line_size});
  if (!decoded) return BadRequest::kPath;
  request.path = *decoded;
  return std::nullopt;
}

std::optional<BadRequest> Parser::parse(const HeadScan& scan, Bytes input, Request& request) {
  request = Request{};
  request.version_minor = scan.version_minor();
  request.target = scan.target(input);
  const auto method = parse_method(scan.method(input));
  if (!method) return BadRequest::kMethodUnknown;
  request.method = *method;

  Machine& machine = *machine_;
  machine.state = machine.after_request_line;
  machine.header_count = 0;
  machine.name_sizes = 0;
  const Bytes fields = input.subspan(scan.headers_begin(), scan.size() - scan.headers_begin());
  const llhttp_errno_t error = llhttp_execute(&machine.state, stack::base::as_text(fields).data(), fields.size());
  if (error != HPE_PAUSED) return reason_of(error);
  request.headers = {machine.headers.data(), machine.header_count};
  request.name_sizes = machine.name_sizes;
  const unsigned flags = machine.state.flags;
  request.keep_alive =
      (flags & F_CONNECTION_CLOSE) == 0 && (request.version_minor == 1 || (flags & F_CONNECTION_KEEP_ALIVE) != 0);

  if (request.method == Method::kConnect || request.method == Method::kTrace) return BadRequest::kMethodRefused;
  Framing framing;
  for (const Header& header : request.headers) notice(header, framing);
  if (framing.hosts > 1) return BadRequest::kHostRepeated;
  if (framing.hosts == 0 && request.version_minor == 1) return BadRequest::kHostMissing;
  if (framing.hosts == 1 && !valid_host(framing.host)) return BadRequest::kHost;
  request.host = framing.host;
  if (const auto bad = read_target(scan, request)) return bad;
  if (const auto bad = check_body(limits_, framing, request)) return bad;
  if (framing.expects) {
    if (!equals_ignoring_case(framing.expect, "100-continue")) return BadRequest::kExpectation;
    // RFC 9110 10.1.1: from an HTTP/1.0 client the expectation is ignored.
    request.expects_continue = request.version_minor == 1 && request.has_body();
  }
  return std::nullopt;
}

}  // namespace windhover::server::http
