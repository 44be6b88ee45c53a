#include "tests/server/http/cases.h"

namespace windhover::server::http::test {
namespace {

using std::string_literals::operator""s;

const std::string kHost = "Host: a\r\n";

std::string get(const std::string& headers) { return "GET / HTTP/1.1\r\n" + kHost + headers + "\r\n"; }
std::string line(const std::string& request_line) { return request_line + "\r\n" + kHost + "\r\n"; }
std::string host(const std::string& value) { return "GET / HTTP/1.1\r\nHost:" + value + "\r\n\r\n"; }
std::string post(const std::string& headers, const std::string& body) {
  return "POST / HTTP/1.1\r\n" + kHost + headers + "\r\n" + body;
}
std::string chunked(const std::string& body) { return post("Transfer-Encoding: chunked\r\n", body); }

void add_request_lines(std::vector<Case>& all) {
  all.insert(all.end(), {
                            {"plain", line("GET / HTTP/1.1"), 200},
                            {"query", line("GET /?a=b&c=%00 HTTP/1.1"), 200},
                            {"empty_query", line("GET /? HTTP/1.1"), 200},
                            {"http_1_0", "GET / HTTP/1.0\r\n\r\n", 200},
                            {"leading_crlf", "\r\n" + line("GET / HTTP/1.1"), 200},
                            {"four_leading_crlfs", "\r\n\r\n\r\n\r\n" + line("GET / HTTP/1.1"), 200},
                            {"five_leading_crlfs", "\r\n\r\n\r\n\r\n\r\n" + line("GET / HTTP/1.1"), 400},
                            {"leading_lf", "\n" + line("GET / HTTP/1.1"), 400},
                            {"leading_cr", "\r" + line("GET / HTTP/1.1"), 400},
                            {"leading_space", line(" GET / HTTP/1.1"), 400},
                            {"leading_tab", line("\tGET / HTTP/1.1"), 400},
                            {"two_spaces_before_target", line("GET  / HTTP/1.1"), 400},
                            {"two_spaces_before_version", line("GET /  HTTP/1.1"), 400},
                            {"trailing_space", line("GET / HTTP/1.1 "), 400},
                            {"tab_before_target", line("GET\t/ HTTP/1.1"), 400},
                            {"tab_before_version", line("GET /\tHTTP/1.1"), 400},
                            {"vertical_tab", line("GET /\x0bHTTP/1.1"), 400},
                            {"form_feed", line("GET\x0c/ HTTP/1.1"), 400},
                            {"space_in_target", line("GET /a b HTTP/1.1"), 400},
                            {"no_target", line("GET HTTP/1.1"), 400},
                            {"no_version", line("GET /"), 400},
                            {"http_0_9", "GET /\r\n", 400},
                            {"method_alone", line("GET"), 400},
                            {"empty_method", line(" / HTTP/1.1"), 400},
                            {"version_2_0", line("GET / HTTP/2.0"), 505},
                            {"version_1_2", line("GET / HTTP/1.2"), 505},
                            {"version_0_9", line("GET / HTTP/0.9"), 505},
                            {"version_9_9", line("GET / HTTP/9.9"), 505},
                            {"http_2_preface", "PRI * HTTP/2.0\r\n\r\n", 505},
                            {"version_without_minor", line("GET / HTTP/1"), 400},
                            {"version_two_digits", line("GET / HTTP/1.10"), 400},
                            {"version_leading_zero", line("GET / HTTP/01.1"), 400},
                            {"version_comma", line("GET / HTTP/1,1"), 400},
                            {"version_lower_case", line("GET / http/1.1"), 400},
                            {"version_rtsp", line("GET / RTSP/1.0"), 400},
                            {"version_ice", line("SOURCE / ICE/1.0"), 400},
                            {"version_letters", line("GET / HTTP/x.y"), 400},
                            {"version_space", line("GET / HTTP /1.1"), 400},
                            {"bare_lf_after_request_line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
                            {"bare_cr_after_request_line", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
                            {"cr_cr_lf", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
                            {"nul_in_target", line("GET /\0 HTTP/1.1"s), 400},
                            {"del_in_target", line("GET /\x7f HTTP/1.1"), 400},
                            {"byte_beyond_ascii_in_target", line("GET /\xc3\xa4 HTTP/1.1"), 400},
                            {"fragment", line("GET /a#b HTTP/1.1"), 400},
                            {"backslash", line("GET /a\\b HTTP/1.1"), 400},
                            {"relative_target", line("GET a HTTP/1.1"), 400},
                            {"query_only_target", line("GET ?a HTTP/1.1"), 400},
                            {"asterisk_with_get", line("GET * HTTP/1.1"), 400},
                            {"asterisk_with_options", line("OPTIONS * HTTP/1.1"), 200},
                            {"asterisk_and_more", line("OPTIONS *a HTTP/1.1"), 400},
                            {"asterisk_with_query", line("OPTIONS *?a HTTP/1.1"), 400},
                            {"escaped_nul", line("GET /%00 HTTP/1.1"), 400},
                            {"escape_cut_short", line("GET /%4 HTTP/1.1"), 400},
                            {"escape_not_hexadecimal", line("GET /%zz HTTP/1.1"), 400},
                            {"escape", line("GET /%41%2e HTTP/1.1"), 200},
                            {"connect", line("CONNECT a:443 HTTP/1.1"), 405},
                            {"trace", line("TRACE / HTTP/1.1"), 405},
                            {"unknown_method", line("BREW / HTTP/1.1"), 501},
                            {"method_lower_case", line("get / HTTP/1.1"), 501},
                            {"method_rtsp", line("DESCRIBE / HTTP/1.1"), 501},
                            {"method_not_token", line("G@T / HTTP/1.1"), 400},
                            {"method_in_parentheses", line("(GET) / HTTP/1.1"), 400},
                            {"tls_client_hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s, 400},
                        });
}

void add_targets_and_hosts(std::vector<Case>& all) {
  all.insert(all.end(), {
                            {"absolute", line("GET http://a/b HTTP/1.1"), 200},
                            {"absolute_without_path", line("GET http://a HTTP/1.1"), 200},
                            {"absolute_with_port", line("GET http://a:80/ HTTP/1.1"), 200},
                            {"absolute_upper_case", line("GET HTTP://A/ HTTP/1.1"), 200},
                            {"absolute_userinfo", line("GET http://u@a/ HTTP/1.1"), 400},
                            {"absolute_password", line("GET http://u:p@a/ HTTP/1.1"), 400},
                            {"absolute_empty_host", line("GET http:///b HTTP/1.1"), 400},
                            {"absolute_bad_port", line("GET http://a:99999/ HTTP/1.1"), 400},
                            {"absolute_other_scheme", line("GET ftp://a/ HTTP/1.1"), 400},
                            {"absolute_without_host_field", "GET http://a/ HTTP/1.1\r\n\r\n", 400},
                            {"no_host", "GET / HTTP/1.1\r\n\r\n", 400},
                            {"no_host_1_0", "GET / HTTP/1.0\r\nA: b\r\n\r\n", 200},
                            {"two_hosts", get("Host: b\r\n"), 400},
                            {"two_equal_hosts", get("Host: a\r\n"), 400},
                            {"two_hosts_1_0", "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400},
                            {"two_hosts_absolute", "GET http://a/ HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
                            {"host_empty", host(""), 400},
                            {"host_without_blank", host("a"), 200},
                            {"host_with_blanks", host(" \t a \t"), 200},
                            {"host_v4_and_port", host(" 10.66.0.2:8080"), 200},
                            {"host_v6", host(" [fd66::2]"), 200},
                            {"host_v6_and_port", host(" [fd66::2]:8080"), 200},
                            {"host_empty_port", host(" a:"), 200},
                            {"host_v6_open", host(" [fd66::2"), 400},
                            {"host_v6_bare", host(" fd66::2"), 400},
                            {"host_v6_then_text", host(" [fd66::2]a"), 400},
                            {"host_port_letters", host(" a:8o"), 400},
                            {"host_port_too_large", host(" a:65536"), 400},
                            {"host_two_ports", host(" a:1:2"), 400},
                            {"host_userinfo", host(" u@a"), 400},
                            {"host_path", host(" a/b"), 400},
                            {"host_space", host(" a b"), 400},
                            {"host_list", host(" a, b"), 400},
                            {"host_quote", host(" a\"b"), 400},
                            {"host_bad_escape", host(" a%zz"), 400},
                            {"host_port_alone", host(" :80"), 400},
                        });
}

void add_headers(std::vector<Case>& all) {
  all.insert(all.end(), {
                            {"header", get("A: b\r\n"), 200},
                            {"header_empty_value", get("A:\r\n"), 200},
                            {"header_obs_text", get("A: \xc3\xa4\r\n"), 200},
                            {"header_tab_in_value", get("A: b\tc\r\n"), 200},
                            {"header_token_punctuation", get("!#$%&'*+-.^_`|~: b\r\n"), 200},
                            {"header_blank_before_colon", get("A : b\r\n"), 400},
                            {"header_tab_before_colon", get("A\t: b\r\n"), 400},
                            {"header_blank_in_name", get("A B: c\r\n"), 400},
                            {"header_no_colon", get("A\r\n"), 400},
                            {"header_empty_name", get(": b\r\n"), 400},
                            {"header_name_beyond_ascii", get("\xc3\xa4: b\r\n"), 400},
                            {"header_name_parentheses", get("A(b): c\r\n"), 400},
                            {"header_name_nul", get("A\0: b\r\n"s), 400},
                            {"header_value_nul", get("A: b\0c\r\n"s), 400},
                            {"header_value_control", get("A: b\x01\r\n"), 400},
                            {"header_value_del", get("A: b\x7f\r\n"), 400},
                            {"header_bare_lf", get("A: b\nC: d\r\n"), 400},
                            {"header_bare_cr", get("A: b\rC: d\r\n"), 400},
                            {"header_cr_cr_lf", get("A: b\r\r\n"), 400},
                            {"head_ends_in_lf_lf", "GET / HTTP/1.1\r\nHost: a\n\n", 400},
                            {"head_ends_in_crlf_lf", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
                            {"folded", get("A: b\r\n c\r\n"), 400},
                            {"folded_by_tab", get("A: b\r\n\tc\r\n"), 400},
                            {"folded_first_line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
                            {"folded_encoding", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"), 400},
                            {"folded_length", post("Content-Length:\r\n 1\r\n", "a"), 400},
                            {"host_blank_before_colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
                            {"expect_continue", get("Expect: 100-continue\r\n"), 200},
                            {"expect_continue_upper_case", get("Expect: 100-Continue\r\n"), 200},
                            {"expect_other", get("Expect: 200-maybe\r\n"), 417},
                            {"expect_empty", get("Expect:\r\n"), 417},
                            {"line_of_8192", line("GET /" + std::string(8192 - 16, 'a') + " HTTP/1.1"), 200},
                            {"line_of_8193", line("GET /" + std::string(8193 - 16, 'a') + " HTTP/1.1"), 414},
                            {"line_endless", "GET /" + std::string(9000, 'a'), 414},
                            {"headers_of_32768", get("A: " + std::string(32768 - 9 - 5 - 2, 'a') + "\r\n"), 200},
                            {"headers_of_32769", get("A: " + std::string(32769 - 9 - 5 - 2, 'a') + "\r\n"), 431},
                            {"headers_endless", "GET / HTTP/1.1\r\nA: " + std::string(33000, 'a'), 431},
                        });
  std::string many;
  for (int i = 0; i < 99; ++i) many += "A: b\r\n";
  all.push_back({"headers_100", get(many), 200});
  all.push_back({"headers_101", get(many + "A: b\r\n"), 431});
}

void add_lengths(std::vector<Case>& all) {
  all.insert(all.end(),
             {
                 {"length", post("Content-Length: 3\r\n", "abc"), 200},
                 {"length_zero", post("Content-Length: 0\r\n", ""), 200},
                 {"length_zeros", post("Content-Length: 003\r\n", "abc"), 200},
                 {"length_upper_case", post("CONTENT-LENGTH: 3\r\n", "abc"), 200},
                 {"length_empty", post("Content-Length:\r\n", ""), 400},
                 {"length_twice", post("Content-Length: 3\r\nContent-Length: 4\r\n", "abcd"), 400},
                 {"length_twice_equal", post("Content-Length: 3\r\nContent-Length: 3\r\n", "abc"), 400},
                 {"length_list", post("Content-Length: 3, 3\r\n", "abc"), 400},
                 {"length_plus", post("Content-Length: +3\r\n", "abc"), 400},
                 {"length_minus", post("Content-Length: -3\r\n", "abc"), 400},
                 {"length_hexadecimal", post("Content-Length: 0x3\r\n", "abc"), 400},
                 {"length_underscore", post("Content-Length: 1_0\r\n", "abcabcabca"), 400},
                 {"length_fraction", post("Content-Length: 3.0\r\n", "abc"), 400},
                 {"length_two_numbers", post("Content-Length: 3 3\r\n", "abc"), 400},
                 {"length_letters", post("Content-Length: abc\r\n", "abc"), 400},
                 {"length_2_63", post("Content-Length: 9223372036854775808\r\n", ""), 400},
                 {"length_2_64", post("Content-Length: 18446744073709551616\r\n", ""), 400},
                 {"length_2_64_and_3", post("Content-Length: 18446744073709551619\r\n", "abc"), 400},
                 {"length_below_2_63", post("Content-Length: 9223372036854775807\r\n", ""), 413},
                 {"length_beyond_limit", post("Content-Length: 30000001\r\n", ""), 413},
                 {"length_blank_before_colon", post("Content-Length : 3\r\n", "abc"), 400},
                 {"length_with_get", get("Content-Length: 3\r\n") + "abc", 200},
                 {"length_and_encoding", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), 400},
                 {"encoding_and_length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), 400},
             });
}

void add_encodings(std::vector<Case>& all) {
  const std::string end = "0\r\n\r\n";
  const auto encoding = [&end](const std::string& value) { return post("Transfer-Encoding:" + value + "\r\n", end); };
  all.insert(
      all.end(),
      {
          {"chunked_upper_case", encoding(" CHUNKED"), 200},
          {"chunked_blanks", encoding(" \tchunked\t "), 200},
          {"encoding_empty", encoding(""), 400},
          {"encoding_gzip", encoding(" gzip"), 501},
          {"encoding_identity", encoding(" identity"), 501},
          {"encoding_x_chunked", encoding(" xchunked"), 501},
          {"encoding_gzip_chunked", encoding(" gzip, chunked"), 501},
          {"encoding_chunked_gzip", encoding(" chunked, gzip"), 400},
          {"encoding_chunked_chunked", encoding(" chunked, chunked"), 400},
          {"encoding_chunked_identity", encoding(" chunked, identity"), 400},
          {"encoding_leading_comma", encoding(" , chunked"), 400},
          {"encoding_trailing_comma", encoding(" chunked,"), 400},
          {"encoding_quoted", encoding(" \"chunked\""), 400},
          {"encoding_two_words", encoding(" chunked chunked"), 400},
          {"encoding_parameter", encoding(" chunked;a=b"), 400},
          {"encoding_vertical_tab",
           encoding(" \x0b"
                    "chunked"),
           400},
          {"encoding_twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", end), 400},
          {"encoding_twice_identity", post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", end), 400},
          {"encoding_blank_before_colon", post("Transfer-Encoding : chunked\r\n", end), 400},
          {"encoding_1_0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + end, 400},
          {"encoding_with_get", get("Transfer-Encoding: chunked\r\n") + end, 200},
      });
}

void add_chunks(std::vector<Case>& all) {
  all.insert(all.end(),
             {
                 {"chunks", chunked("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n"), 200},
                 {"chunk_size_zeros", chunked("0003\r\nabc\r\n000\r\n\r\n"), 200},
                 {"chunk_extension", chunked("3;a\r\nabc\r\n0\r\n\r\n"), 200},
                 {"chunk_extension_value", chunked("3;a=b;c=\"d\\\"e;\"\r\nabc\r\n0;f=g\r\n\r\n"), 200},
                 {"chunk_trailer", chunked("0\r\nA: b\r\nC:\r\n\r\n"), 200},
                 {"chunk_size_missing", chunked("\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_prefix", chunked("0x3\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_plus", chunked("+3\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_minus", chunked("-3\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_blank_before", chunked(" 3\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_blank_after", chunked("3 \r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_tab_after", chunked("3\t\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_letter", chunked("g\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_underscore", chunked("0_3\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_17_digits", chunked("10000000000000003\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_then_lf", chunked("3\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_size_then_cr", chunked("3\rabc\r\n0\r\n\r\n"), 400},
                 {"chunk_data_then_lf", chunked("3\r\nabc\n0\r\n\r\n"), 400},
                 {"chunk_data_then_cr", chunked("3\r\nabc\r0\r\n\r\n"), 400},
                 {"chunk_data_too_long", chunked("3\r\nabcd\r\n0\r\n\r\n"), 400},
                 {"chunk_data_too_short", chunked("4\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extension_lf", chunked("3;a\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extension_cr", chunked("3;a\rb\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extension_nul", chunked("3;a\0\r\nabc\r\n0\r\n\r\n"s), 400},
                 {"chunk_extension_empty", chunked("3;\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extension_no_name", chunked("3;=a\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extension_no_value", chunked("3;a=\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extension_open_quote", chunked("3;a=\"b\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_extensions_too_large", chunked("3;" + std::string(5000, 'a') + "\r\nabc\r\n0\r\n\r\n"), 400},
                 {"chunk_last_line_lf", chunked("0\r\n\n"), 400},
                 {"chunk_last_line_text", chunked("0\r\nGET / HTTP/1.1\r\n\r\n"), 400},
                 {"trailer_length", chunked("0\r\nContent-Length: 5\r\n\r\n"), 400},
                 {"trailer_encoding", chunked("0\r\ntransfer-ENCODING: chunked\r\n\r\n"), 400},
                 {"trailer_host", chunked("0\r\nHost: b\r\n\r\n"), 400},
                 {"trailer_folded", chunked("0\r\nA: b\r\n c\r\n\r\n"), 400},
                 {"trailer_empty_name", chunked("0\r\n: b\r\n\r\n"), 400},
                 {"trailer_blank_before_colon", chunked("0\r\nA : b\r\n\r\n"), 400},
                 {"trailer_bare_lf", chunked("0\r\nA: b\n\r\n"), 400},
                 {"trailer_nul", chunked("0\r\nA: \0\r\n\r\n"s), 400},
                 {"trailers_too_large", chunked("0\r\nA: " + std::string(9000, 'a') + "\r\n\r\n"), 431},
             });
}

}  // namespace

const std::vector<Case>& cases() {
  static const std::vector<Case> kAll = [] {
    std::vector<Case> all;
    add_request_lines(all);
    add_targets_and_hosts(all);
    add_headers(all);
    add_lengths(all);
    add_encodings(all);
    add_chunks(all);
    return all;
  }();
  return kAll;
}

}  // namespace windhover::server::http::test
