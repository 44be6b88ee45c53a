#include "tests/server/http/cases.h"

namespace windhover::server::http::test {
namespace {

using std::string_literals::operator""s;  // NOLINT(misc-unused-using-decls): used below, by texts that hold NUL.

const std::string kHost = "Host: a\r\n";

std::string get(const std::string& headers) { return "GET / HTTP/1.1\r\n" + kHost + headers + "\r\n"; }
std::string line(const std::string& request_line) { return request_line + "\r\n" + kHost + "\r\n"; }
std::string host(const std::string& value) { return "GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n"; }
std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\n" + kHost + headers + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }

void add_request_lines(std::vector<Case>& expected) {
  expected.insert(expected.end(),
                  {
                      {"plain", line("GET / HTTP/1.1")},
                      {"query", line("GET /?a=b&c=%00 HTTP/1.1")},
                      {"empty_query", line("GET /? HTTP/1.1")},
                      {"http_1_0", "GET / HTTP/1.0\r\n\r\n"},
                      {"leading_crlf", "\r\n" + line("GET / HTTP/1.1")},
                      {"four_leading_crlfs", "\r\n\r\n\r\n\r\n" + line("GET / HTTP/1.1")},
                      {"five_leading_crlfs", "\r\n\r\n\r\n\r\n\r\n" + line("GET / HTTP/1.1"), BadRequest::kEmptyLines},
                      {"leading_lf", "\n" + line("GET / HTTP/1.1"), BadRequest::kBareLineBreak},
                      {"leading_cr", "\r" + line("GET / HTTP/1.1"), BadRequest::kBareLineBreak},
                      {"leading_space", line(" GET / HTTP/1.1"), BadRequest::kRequestLine},
                      {"leading_tab", line("\tGET / HTTP/1.1"), BadRequest::kMethod},
                      {"two_spaces_before_target", line("GET  / HTTP/1.1"), BadRequest::kRequestLine},
                      {"two_spaces_before_version", line("GET /  HTTP/1.1"), BadRequest::kRequestLine},
                      {"trailing_space", line("GET / HTTP/1.1 "), BadRequest::kRequestLine},
                      {"tab_before_target", line("GET\t/ HTTP/1.1"), BadRequest::kMethod},
                      {"tab_before_version", line("GET /\tHTTP/1.1"), BadRequest::kRequestLine},
                      {"vertical_tab", line("GET /\x0bHTTP/1.1"), BadRequest::kControlByte},
                      {"form_feed", line("GET\x0c/ HTTP/1.1"), BadRequest::kControlByte},
                      {"space_in_target", line("GET /a b HTTP/1.1"), BadRequest::kRequestLine},
                      {"no_target", line("GET HTTP/1.1"), BadRequest::kRequestLine},
                      {"no_version", line("GET /"), BadRequest::kRequestLine},
                      {"http_0_9", "GET /\r\n", BadRequest::kRequestLine},
                      {"method_alone", line("GET"), BadRequest::kRequestLine},
                      {"empty_method", line(" / HTTP/1.1"), BadRequest::kRequestLine},
                      {"version_2_0", line("GET / HTTP/2.0"), BadRequest::kVersionUnsupported},
                      {"version_1_2", line("GET / HTTP/1.2"), BadRequest::kVersionUnsupported},
                      {"version_0_9", line("GET / HTTP/0.9"), BadRequest::kVersionUnsupported},
                      {"version_9_9", line("GET / HTTP/9.9"), BadRequest::kVersionUnsupported},
                      {"http_2_preface", "PRI * HTTP/2.0\r\n\r\n", BadRequest::kVersionUnsupported},
                      {"version_without_minor", line("GET / HTTP/1"), BadRequest::kVersion},
                      {"version_two_digits", line("GET / HTTP/1.10"), BadRequest::kVersion},
                      {"version_leading_zero", line("GET / HTTP/01.1"), BadRequest::kVersion},
                      {"version_comma", line("GET / HTTP/1,1"), BadRequest::kVersion},
                      {"version_lower_case", line("GET / http/1.1"), BadRequest::kVersion},
                      {"version_rtsp", line("GET / RTSP/1.0"), BadRequest::kVersion},
                      {"version_ice", line("SOURCE / ICE/1.0"), BadRequest::kVersion},
                      {"version_letters", line("GET / HTTP/x.y"), BadRequest::kVersion},
                      {"version_space", line("GET / HTTP /1.1"), BadRequest::kRequestLine},
                      {"bare_lf_after_request_line", "GET / HTTP/1.1\nHost: a\r\n\r\n", BadRequest::kBareLineBreak},
                      {"bare_cr_after_request_line", "GET / HTTP/1.1\rHost: a\r\n\r\n", BadRequest::kBareLineBreak},
                      {"cr_cr_lf", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", BadRequest::kBareLineBreak},
                      {"nul_in_target", line("GET /\0 HTTP/1.1"s), BadRequest::kControlByte},
                      {"del_in_target", line("GET /\x7f HTTP/1.1"), BadRequest::kControlByte},
                      {"byte_beyond_ascii_in_target", line("GET /\xc3\xa4 HTTP/1.1"), BadRequest::kTarget},
                      {"fragment", line("GET /a#b HTTP/1.1"), BadRequest::kTarget},
                      {"backslash", line("GET /a\\b HTTP/1.1"), BadRequest::kTarget},
                      {"relative_target", line("GET a HTTP/1.1"), BadRequest::kTarget},
                      {"query_only_target", line("GET ?a HTTP/1.1"), BadRequest::kTarget},
                      {"asterisk_with_get", line("GET * HTTP/1.1"), BadRequest::kTarget},
                      {"asterisk_with_options", line("OPTIONS * HTTP/1.1")},
                      {"asterisk_and_more", line("OPTIONS *a HTTP/1.1"), BadRequest::kTarget},
                      {"asterisk_with_query", line("OPTIONS *?a HTTP/1.1"), BadRequest::kTarget},
                      {"escaped_nul", line("GET /%00 HTTP/1.1"), BadRequest::kPath},
                      {"escape_cut_short", line("GET /%4 HTTP/1.1"), BadRequest::kPath},
                      {"escape_not_hexadecimal", line("GET /%zz HTTP/1.1"), BadRequest::kPath},
                      {"escape", line("GET /%41%2e HTTP/1.1")},
                      {"connect", line("CONNECT a:443 HTTP/1.1"), BadRequest::kMethodRefused},
                      {"trace", line("TRACE / HTTP/1.1"), BadRequest::kMethodRefused},
                      {"unknown_method", line("BREW / HTTP/1.1"), BadRequest::kMethodUnknown},
                      {"method_lower_case", line("get / HTTP/1.1"), BadRequest::kMethodUnknown},
                      {"method_rtsp", line("DESCRIBE / HTTP/1.1"), BadRequest::kMethodUnknown},
                      {"method_not_token", line("G@T / HTTP/1.1"), BadRequest::kMethod},
                      {"method_in_parentheses", line("(GET) / HTTP/1.1"), BadRequest::kMethod},
                      {"tls_client_hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, BadRequest::kControlByte},
                  });
}

void add_targets_and_hosts(std::vector<Case>& expected) {
  expected.insert(
      expected.end(),
      {
          {"absolute", line("GET http://a/b HTTP/1.1")},
          {"absolute_without_path", line("GET http://a HTTP/1.1")},
          {"absolute_with_port", line("GET http://a:80/ HTTP/1.1")},
          {"absolute_upper_case", line("GET HTTP://A/ HTTP/1.1")},
          {"absolute_userinfo", line("GET http://u@a/ HTTP/1.1"), BadRequest::kUserinfo},
          {"absolute_password", line("GET http://u:p@a/ HTTP/1.1"), BadRequest::kUserinfo},
          {"absolute_empty_host", line("GET http:///b HTTP/1.1"), BadRequest::kHost},
          {"absolute_bad_port", line("GET http://a:99999/ HTTP/1.1"), BadRequest::kHost},
          {"absolute_other_scheme", line("GET ftp://a/ HTTP/1.1"), BadRequest::kTarget},
          {"absolute_without_host_field", "GET http://a/ HTTP/1.1\r\n\r\n", BadRequest::kHostMissing},
          {"no_host", "GET / HTTP/1.1\r\n\r\n", BadRequest::kHostMissing},
          {"no_host_1_0", "GET / HTTP/1.0\r\nA: b\r\n\r\n"},
          {"two_hosts", get("Host: b\r\n"), BadRequest::kHostRepeated},
          {"two_equal_hosts", get("Host: a\r\n"), BadRequest::kHostRepeated},
          {"two_hosts_1_0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", BadRequest::kHostRepeated},
          {"two_hosts_absolute", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", BadRequest::kHostRepeated},
          {"host_empty", host(""), BadRequest::kHost},
          {"host_without_blank", host("a")},
          {"host_with_blanks", host(" \t a \t")},
          {"host_v4_and_port", host(" 10.66.0.2:8080")},
          {"host_v6", host(" [fd66::2]")},
          {"host_v6_and_port", host(" [fd66::2]:8080")},
          {"host_empty_port", host(" a:")},
          {"host_v6_open", host(" [fd66::2"), BadRequest::kHost},
          {"host_v6_bare", host(" fd66::2"), BadRequest::kHost},
          {"host_v6_then_text", host(" [fd66::2]a"), BadRequest::kHost},
          {"host_port_letters", host(" a:8o"), BadRequest::kHost},
          {"host_port_too_large", host(" a:65536"), BadRequest::kHost},
          {"host_two_ports", host(" a:1:2"), BadRequest::kHost},
          {"host_userinfo", host(" u@a"), BadRequest::kHost},
          {"host_path", host(" a/b"), BadRequest::kHost},
          {"host_space", host(" a b"), BadRequest::kHost},
          {"host_list", host(" a, b"), BadRequest::kHost},
          {"host_quote", host(" a\"b"), BadRequest::kHost},
          {"host_bad_escape", host(" a%zz"), BadRequest::kHost},
          {"host_port_alone", host(" :80"), BadRequest::kHost},
      });
}

void add_headers(std::vector<Case>& expected) {
  expected.insert(
      expected.end(),
      {
          {"header", get("A: b\r\n")},
          {"header_empty_value", get("A:\r\n")},
          {"header_obs_text", get("A: \xc3\xa4\r\n")},
          {"header_tab_in_value", get("A: b\tc\r\n")},
          {"header_token_punctuation", get("!#$%&'*+-.^_`|~: b\r\n")},
          {"header_blank_before_colon", get("A : b\r\n"), BadRequest::kHeaderLine},
          {"header_tab_before_colon", get("A\t: b\r\n"), BadRequest::kHeaderLine},
          {"header_blank_in_name", get("A B: c\r\n"), BadRequest::kHeaderLine},
          {"header_no_colon", get("A\r\n"), BadRequest::kHeaderLine},
          {"header_empty_name", get(": b\r\n"), BadRequest::kFieldName},
          {"header_name_beyond_ascii", get("\xc3\xa4: b\r\n"), BadRequest::kHeaderLine},
          {"header_name_parentheses", get("A(b): c\r\n"), BadRequest::kHeaderLine},
          {"header_name_nul", get("A\0: b\r\n"s), BadRequest::kControlByte},
          {"header_value_nul", get("A: b\0c\r\n"s), BadRequest::kControlByte},
          {"header_value_control", get("A: b\x01\r\n"), BadRequest::kControlByte},
          {"header_value_del", get("A: b\x7f\r\n"), BadRequest::kControlByte},
          {"header_bare_lf", get("A: b\nC: d\r\n"), BadRequest::kBareLineBreak},
          {"header_bare_cr", get("A: b\rC: d\r\n"), BadRequest::kBareLineBreak},
          {"header_cr_cr_lf", get("A: b\r\r\n"), BadRequest::kBareLineBreak},
          {"head_ends_in_lf_lf", "GET / HTTP/1.1\r\nHost: a\n\n", BadRequest::kBareLineBreak},
          {"head_ends_in_crlf_lf", "GET / HTTP/1.1\r\nHost: a\r\n\n", BadRequest::kBareLineBreak},
          {"folded", get("A: b\r\n c\r\n"), BadRequest::kFoldedLine},
          {"folded_by_tab", get("A: b\r\n\tc\r\n"), BadRequest::kFoldedLine},
          {"folded_first_line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", BadRequest::kFoldedLine},
          {"folded_encoding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), BadRequest::kFoldedLine},
          {"folded_length", post("Content-Length:\r\n 1\r\n", "a"), BadRequest::kFoldedLine},
          {"host_blank_before_colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", BadRequest::kHeaderLine},
          {"expect_continue", get("Expect: 100-continue\r\n")},
          {"expect_continue_upper_case", get("Expect: 100-Continue\r\n")},
          {"expect_other", get("Expect: 200-maybe\r\n"), BadRequest::kExpectation},
          {"expect_empty", get("Expect:\r\n"), BadRequest::kExpectation},
          {"line_of_8192", line("GET /" + std::string(8192 - 16, 'a') + " HTTP/1.1")},
          {"line_of_8193", line("GET /" + std::string(8193 - 16, 'a') + " HTTP/1.1"), BadRequest::kRequestLineTooLong},
          {"line_endless", "GET /" + std::string(9000, 'a'), BadRequest::kRequestLineTooLong},
          {"headers_of_32768", get("A: " + std::string(32768 - 9 - 5 - 2, 'a') + "\r\n")},
          {"headers_of_32769", get("A: " + std::string(32769 - 9 - 5 - 2, 'a') + "\r\n"), BadRequest::kHeadersTooLarge},
          {"headers_endless", "GET / HTTP/1.1\r\nA: " + std::string(33000, 'a'), BadRequest::kHeadersTooLarge},
      });
  std::string many;
  for (int i = 0; i < 99; ++i) many += "A: b\r\n";
  expected.push_back({"headers_100", get(many)});
  expected.push_back({"headers_101", get(many + "A: b\r\n"), BadRequest::kTooManyHeaders});
}

void add_lengths(std::vector<Case>& expected) {
  expected.insert(
      expected.end(),
      {
          {"length", post("Content-Length: 3\r\n", "abc")},
          {"length_zero", post("Content-Length: 0\r\n", "")},
          {"length_zeros", post("Content-Length: 003\r\n", "abc")},
          {"length_upper_case", post("CONTENT-LENGTH: 3\r\n", "abc")},
          {"length_empty", post("Content-Length:\r\n", ""), BadRequest::kContentLength},
          {"length_twice", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"),
           BadRequest::kContentLengthRepeated},
          {"length_twice_equal", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"),
           BadRequest::kContentLengthRepeated},
          {"length_list", post("Content-Length: 3, 3\r\n", "abc"), BadRequest::kContentLength},
          {"length_plus", post("Content-Length: +3\r\n", "abc"), BadRequest::kContentLength},
          {"length_minus", post("Content-Length: -3\r\n", "abc"), BadRequest::kContentLength},
          {"length_hexadecimal", post("Content-Length: 0x3\r\n", "abc"), BadRequest::kContentLength},
          {"length_underscore", post("Content-Length: 1_0\r\n", "abcabcabca"), BadRequest::kContentLength},
          {"length_fraction", post("Content-Length: 3.0\r\n", "abc"), BadRequest::kContentLength},
          {"length_two_numbers", post("Content-Length: 3 3\r\n", "abc"), BadRequest::kContentLength},
          {"length_letters", post("Content-Length: abc\r\n", "abc"), BadRequest::kContentLength},
          {"length_2_63", post("Content-Length: 9223372036854775808\r\n", ""), BadRequest::kContentLength},
          {"length_2_64", post("Content-Length: 18446744073709551616\r\n", ""), BadRequest::kContentLength},
          {"length_2_64_and_3", post("Content-Length: 18446744073709551619\r\n", "abc"), BadRequest::kContentLength},
          {"length_below_2_63", post("Content-Length: 9223372036854775807\r\n", ""), BadRequest::kBodyTooLarge},
          {"length_beyond_limit", post("Content-Length: 30000001\r\n", ""), BadRequest::kBodyTooLarge},
          {"length_blank_before_colon", post("Content-Length : 3\r\n", "abc"), BadRequest::kHeaderLine},
          {"length_with_get", get("Content-Length: 3\r\n") + "abc"},
          {"length_and_encoding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
           BadRequest::kContentLengthRepeated},
          {"encoding_and_length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"),
           BadRequest::kContentLengthRepeated},
      });
}

void add_encodings(std::vector<Case>& expected) {
  const std::string end = "0\r\n\r\n";
  const auto encoding = [&end](const std::string& value) { return post("Transfer-Encoding:" + value + "\r\n", end); };
  expected.insert(
      expected.end(),
      {
          {"chunked_upper_case", encoding(" CHUNKED")},
          {"chunked_blanks", encoding(" \tchunked\t ")},
          {"encoding_empty", encoding(""), BadRequest::kTransferEncoding},
          {"encoding_gzip", encoding(" gzip"), BadRequest::kTransferCoding},
          {"encoding_identity", encoding(" identity"), BadRequest::kTransferCoding},
          {"encoding_x_chunked", encoding(" xchunked"), BadRequest::kTransferCoding},
          {"encoding_gzip_chunked", encoding(" gzip, chunked"), BadRequest::kTransferCoding},
          {"encoding_chunked_gzip", encoding(" chunked, gzip"), BadRequest::kTransferEncoding},
          {"encoding_chunked_chunked", encoding(" chunked, chunked"), BadRequest::kTransferEncoding},
          {"encoding_chunked_identity", encoding(" chunked, identity"), BadRequest::kTransferEncoding},
          {"encoding_leading_comma", encoding(" , chunked"), BadRequest::kTransferEncoding},
          {"encoding_trailing_comma", encoding(" chunked,"), BadRequest::kTransferEncoding},
          {"encoding_quoted", encoding(" \"chunked\""), BadRequest::kTransferEncoding},
          {"encoding_two_words", encoding(" chunked chunked"), BadRequest::kTransferEncoding},
          {"encoding_parameter", encoding(" chunked;a=b"), BadRequest::kTransferEncoding},
          {"encoding_vertical_tab",
           encoding(" \x0b"
                    "chunked"),
           BadRequest::kControlByte},
          {"encoding_twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", end),
           BadRequest::kTransferEncoding},
          {"encoding_twice_identity", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", end),
           BadRequest::kTransferEncoding},
          {"encoding_blank_before_colon", post("Transfer-Encoding : chunked\r\n", end), BadRequest::kHeaderLine},
          {"encoding_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + end,
           BadRequest::kTransferEncodingOld},
          {"encoding_with_get", get("Transfer-Encoding: chunked\r\n") + end},
      });
}

void add_chunks(std::vector<Case>& expected) {
  expected.insert(
      expected.end(),
      {
          {"chunks", chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n")},
          {"chunk_size_zeros", chunked("0003\r\nabc\r\n000\r\n\r\n")},
          {"chunk_extension", chunked("3;a\r\nabc\r\n0\r\n\r\n")},
          {"chunk_extension_value", chunked("3;a=b;c=\"d\\\"e;\"\r\nabc\r\n0;f=g\r\n\r\n")},
          {"chunk_trailer", chunked("0\r\nA: b\r\nC:\r\n\r\n")},
          {"chunk_size_missing", chunked("\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_prefix", chunked("0x3\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_plus", chunked("+3\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_minus", chunked("-3\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_blank_before", chunked(" 3\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_blank_after", chunked("3 \r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_tab_after", chunked("3\t\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_letter", chunked("g\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_underscore", chunked("0_3\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_17_digits", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_then_lf", chunked("3\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_size_then_cr", chunked("3\rabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_data_then_lf", chunked("3\r\nabc\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_data_then_cr", chunked("3\r\nabc\r0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_data_too_long", chunked("3\r\nabcd\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_data_too_short", chunked("4\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_extension_lf", chunked("3;a\nabc\r\n0\r\n\r\n"), BadRequest::kChunkExtension},
          {"chunk_extension_cr", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunk},
          {"chunk_extension_nul", chunked("3;a\0\r\nabc\r\n0\r\n\r\n"s), BadRequest::kChunkExtension},
          {"chunk_extension_empty", chunked("3;\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunkExtension},
          {"chunk_extension_no_name", chunked("3;=a\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunkExtension},
          {"chunk_extension_no_value", chunked("3;a=\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunkExtension},
          {"chunk_extension_open_quote", chunked("3;a=\"b\r\nabc\r\n0\r\n\r\n"), BadRequest::kChunkExtension},
          {"chunk_extensions_too_large", chunked("3;" + std::string(5000, 'a') + "\r\nabc\r\n0\r\n\r\n"),
           BadRequest::kChunkExtension},
          {"chunk_last_line_lf", chunked("0\r\n\n"), BadRequest::kTrailer},
          {"chunk_last_line_text", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_length", chunked("0\r\nContent-Length: 5\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_encoding", chunked("0\r\ntransfer-ENCODING: chunked\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_host", chunked("0\r\nHost: b\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_folded", chunked("0\r\nA: b\r\n c\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_empty_name", chunked("0\r\n: b\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_blank_before_colon", chunked("0\r\nA : b\r\n\r\n"), BadRequest::kTrailer},
          {"trailer_bare_lf", chunked("0\r\nA: b\n\r\n"), BadRequest::kTrailer},
          {"trailer_nul", chunked("0\r\nA: \0\r\n\r\n"s), BadRequest::kTrailer},
          {"trailers_too_large", chunked("0\r\nA: " + std::string(9000, 'a') + "\r\n\r\n"),
           BadRequest::kTrailersTooLarge},
      });
}

}  // namespace

const std::vector<Case>& cases() {
  static const std::vector<Case> all = [] {
    std::vector<Case> expected;
    add_request_lines(expected);
    add_targets_and_hosts(expected);
    add_headers(expected);
    add_lengths(expected);
    add_encodings(expected);
    add_chunks(expected);
    return expected;
  }();
  return all;
}

}  // namespace windhover::server::http::test
