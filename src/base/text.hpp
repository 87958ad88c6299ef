#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// ASCII case folding; the service compares host names, literals and keywords this way.
bool equals_ignoring_case(std::string_view a, std::string_view b);
std::string to_lower(std::string_view text);
/// Without leading and trailing ASCII white space.
std::string_view trimmed(std::string_view text);
/// The parts between `separator`, empty ones included; views into `text`.
std::vector<std::string_view> split(std::string_view text, char separator);

/// A decimal integer and nothing else: optional `-`, digits, within the type's range.
std::optional<std::int64_t> parse_i64(std::string_view text);
std::optional<std::uint64_t> parse_u64(std::string_view text);

/// RFC 3986 §2.1; every byte but the unreserved ones becomes `%XX`, upper-case hex.
std::string percent_encode(std::string_view text);
/// Decodes `%XX` of either case; `+` stays a plus. Nothing if an escape is malformed.
std::optional<std::string> percent_decode(std::string_view text);

std::string base64_encode(std::string_view bytes);
/// RFC 4648 §4 alphabet. Missing padding is accepted, wrong or extra padding and non-zero
/// trailing bits are not. Nothing if malformed.
std::optional<std::string> base64_decode(std::string_view text);

std::string hex_encode(std::string_view bytes);  ///< lower case

/// HMAC-SHA256 of `text` under `key`: 32 bytes.
std::string hmac_sha256(std::string_view key, std::string_view text);
/// Compares without revealing by its duration where two equally long texts differ.
bool equals_in_constant_time(std::string_view a, std::string_view b);

/// `YYYY-MM-DDTHH:MM:SS[.f]Z` with up to seven fraction digits, trailing zeros trimmed.
/// Source: IoT Hub captures, `2016-09-30T18:42:44.8884134Z`.
std::string to_iso8601(WallTime time);
/// Any ISO-8601 date-time with 0 to 9 fraction digits and `Z`, an offset, or nothing (UTC);
/// a bare date is midnight. Nothing if malformed or outside years 1 to 9999.
std::optional<WallTime> parse_iso8601(std::string_view text);

/// True if `text` is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms).
bool is_utf8(std::string_view text);

/// `text` with `with` in each place of `what`, which is not empty.
std::string replaced(std::string text, std::string_view what, std::string_view with);

}  // namespace carillon
