#include "endpoint/device/twin_errors.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

namespace carillon::device {

namespace {

constexpr int first_public_code = 1000;

/// `MM/DD/YYYY HH:MM:SS`, the American form within tracking ids.
std::string us_time(WallTime time) {
    const std::string iso = to_iso8601(time);  // YYYY-MM-DDTHH:MM:SS…
    return iso.substr(5, 2) + "/" + iso.substr(8, 2) + "/" + iso.substr(0, 4) + " " + iso.substr(11, 8);
}

}  // namespace

TwinFailure twin_failure(const Error& error, WallTime now, Random& random) {
    const bool is_public = static_cast<int>(error.code) >= first_public_code;
    const Errc code = is_public ? error.code : Errc::server_error;
    const std::string message =
        is_public && !error.detail.empty() ? error.detail : std::string(errc_name(code));

    TwinFailure failure;
    failure.status = http_status(code);
    JsonWriter json(failure.body);
    json.begin_object();
    json.member("errorCode", static_cast<int>(code));
    json.member("trackingId", random.hex32() + "-G:2-TimeStamp:" + us_time(now));
    std::string quoted;
    append_json_string(quoted, message, true);
    json.member_raw("message", quoted);
    json.member("timestampUtc", to_iso8601(now));
    json.end_object();
    return failure;
}

}  // namespace carillon::device
