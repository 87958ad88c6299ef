#include "endpoint/rest/messages/lock_fields.hpp"

#include "base/text.hpp"
#include "endpoint/rest/request.hpp"

namespace carillon::rest {

Result<Duration> request_lock_time(const Request& request) {
    constexpr std::string_view name = "iothub-messagelocktimeout";
    auto text = request.parameter(name);
    if (!text) {
        if (const auto field = request.header(name)) text = *field;
    }
    if (!text) return CloudMessageLimits::lock_time;
    const auto seconds = parse_i64(*text);
    if (!seconds || *seconds < CloudMessageLimits::lock_time_min.count() ||
        *seconds > CloudMessageLimits::lock_time_max.count()) {
        return fail(Errc::argument_invalid, "iothub-messagelocktimeout is 5 to 300 seconds.");
    }
    return std::chrono::seconds(*seconds);
}

Result<LockToken> request_lock(const Request& request, std::size_t number) {
    std::string_view text = request.ids[number];
    if (text.size() > 1 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
    const auto token = parse_lock_token(text);
    if (token) return *token;
    return fail(Errc::device_message_lock_lost, "The message is not locked by this token any more.");
}

Settlement asked_settlement(const Request& request) {
    return request.parameter("reject") ? Settlement::reject : Settlement::complete;
}

}  // namespace carillon::rest
