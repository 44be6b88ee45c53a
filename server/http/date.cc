#include "server/http/date.h"

#include <algorithm>
#include <chrono>

#include "stack/base/check.h"

namespace windhover::server::http {
namespace {

constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 7> kLongDays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                       "Thursday", "Friday", "Saturday"};
constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

void put_number(char* at, unsigned value, std::size_t digits) {
  for (std::size_t i = digits; i > 0; --i, value /= 10) at[i - 1] = static_cast<char>('0' + value % 10);
}

/// Takes parts of a date off the front of a text; once one did not fit, nothing does.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}

  void literal(std::string_view expected) {
    if (rest_.starts_with(expected)) {
      rest_.remove_prefix(expected.size());
    } else {
      good_ = false;
    }
  }

  template <std::size_t N>
  unsigned name(const std::array<std::string_view, N>& names) {
    for (unsigned i = 0; i < N; ++i) {
      if (!rest_.starts_with(names[i])) continue;
      rest_.remove_prefix(names[i].size());
      return i;
    }
    good_ = false;
    return 0;
  }

  unsigned number(std::size_t digits) {
    if (rest_.size() < digits) {
      good_ = false;
      return 0;
    }
    unsigned value = 0;
    for (const char c : rest_.substr(0, digits)) {
      good_ = good_ && c >= '0' && c <= '9';
      value = value * 10 + static_cast<unsigned>(c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }

  bool next_is(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool good() const { return good_; }
  bool finished() const { return good_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool good_ = true;
};

struct Fields {
  unsigned year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

void read_time(Reader& reader, Fields& fields) {
  fields.hour = reader.number(2);
  reader.literal(":");
  fields.minute = reader.number(2);
  reader.literal(":");
  fields.second = reader.number(2);
}

std::optional<UnixSeconds> to_seconds(const Fields& fields) {
  using std::chrono::day, std::chrono::month, std::chrono::sys_days, std::chrono::year;
  const std::chrono::year_month_day date{year(static_cast<int>(fields.year)), month(fields.month + 1), day(fields.day)};
  if (!date.ok() || fields.hour > 23 || fields.minute > 59 || fields.second > 60) return std::nullopt;
  const std::int64_t days = sys_days(date).time_since_epoch().count();
  return days * 86400 + fields.hour * 3600 + fields.minute * 60 + fields.second;
}

std::optional<UnixSeconds> parse_imf_fixdate(std::string_view text) {
  Reader reader(text);
  Fields fields;
  reader.name(kDays);
  reader.literal(", ");
  fields.day = reader.number(2);
  reader.literal(" ");
  fields.month = reader.name(kMonths);
  reader.literal(" ");
  fields.year = reader.number(4);
  reader.literal(" ");
  read_time(reader, fields);
  reader.literal(" GMT");
  return reader.finished() ? to_seconds(fields) : std::nullopt;
}

std::optional<UnixSeconds> parse_rfc850(std::string_view text, UnixSeconds now) {
  Reader reader(text);
  Fields fields;
  reader.name(kLongDays);
  reader.literal(", ");
  fields.day = reader.number(2);
  reader.literal("-");
  fields.month = reader.name(kMonths);
  reader.literal("-");
  fields.year = reader.number(2);
  reader.literal(" ");
  read_time(reader, fields);
  reader.literal(" GMT");
  if (!reader.finished()) return std::nullopt;

  const std::chrono::sys_days today{std::chrono::days(now / 86400)};
  const int this_year = static_cast<int>(std::chrono::year_month_day(today).year());
  int year = this_year - this_year % 100 + static_cast<int>(fields.year);
  if (year > this_year + 50) year -= 100;
  if (year <= this_year - 50) year += 100;
  fields.year = static_cast<unsigned>(year);
  return to_seconds(fields);
}

std::optional<UnixSeconds> parse_asctime(std::string_view text) {
  Reader reader(text);
  Fields fields;
  reader.name(kDays);
  reader.literal(" ");
  fields.month = reader.name(kMonths);
  reader.literal(" ");
  if (reader.next_is(' ')) {
    reader.literal(" ");
    fields.day = reader.number(1);
  } else {
    fields.day = reader.number(2);
  }
  reader.literal(" ");
  read_time(reader, fields);
  reader.literal(" ");
  fields.year = reader.number(4);
  return reader.finished() ? to_seconds(fields) : std::nullopt;
}

}  // namespace

DateText format_date(UnixSeconds time) {
  const std::chrono::sys_seconds moment{std::chrono::seconds(time)};
  const auto midnight = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(midnight);
  const auto seconds = static_cast<unsigned>((moment - midnight).count());
  const int year = static_cast<int>(date.year());
  CHECK(year >= 0 && year <= 9999);

  constexpr std::string_view kTemplate = "Sun, 00 Jan 0000 00:00:00 GMT";
  DateText text;
  std::copy(kTemplate.begin(), kTemplate.end(), text.begin());
  const std::string_view weekday = kDays[std::chrono::weekday(midnight).c_encoding()];
  const std::string_view month = kMonths[static_cast<unsigned>(date.month()) - 1];
  std::copy(weekday.begin(), weekday.end(), text.begin());
  put_number(&text[5], static_cast<unsigned>(date.day()), 2);
  std::copy(month.begin(), month.end(), text.begin() + 8);
  put_number(&text[12], static_cast<unsigned>(year), 4);
  put_number(&text[17], seconds / 3600, 2);
  put_number(&text[20], seconds / 60 % 60, 2);
  put_number(&text[23], seconds % 60, 2);
  return text;
}

std::optional<UnixSeconds> parse_date(std::string_view text, UnixSeconds now) {
  if (text.size() < 4) return std::nullopt;
  if (text[3] == ',') return parse_imf_fixdate(text);
  if (text[3] == ' ') return parse_asctime(text);
  return parse_rfc850(text, now);
}

}  // namespace windhover::server::http
