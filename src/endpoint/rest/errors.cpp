#include "endpoint/rest/errors.hpp"

#include "base/json.hpp"
#include "base/log.hpp"
#include "base/text.hpp"

#include <fmt/format.h>
#include <algorithm>

namespace carillon::rest {

Envelope envelope_of(Errc code, bool is_of_method) {
    switch (code) {
        case Errc::module_already_exists_on_device:
            return Envelope::coded;
        case Errc::device_not_online:
        case Errc::device_connection_closed_remotely:
        case Errc::generic_bad_gateway:
        case Errc::gateway_timeout:
            return Envelope::nested;
        case Errc::argument_invalid:
        case Errc::argument_null:
        case Errc::iot_hub_format_error:
            return is_of_method ? Envelope::nested : Envelope::plain;
        default:
            return Envelope::plain;
    }
}

namespace {

bool is_ours(Errc code) {
    return static_cast<int>(code) < 1000;
}

/// What is said where the failure brought no text, or none fit for a peer.
std::string_view default_text(Errc code) {
    switch (code) {
        case Errc::device_not_online:
            return "Timed out waiting for device to connect.";
        case Errc::gateway_timeout:
            return "Timed out waiting for the response from device.";
        case Errc::device_connection_closed_remotely:
            return "The device closed its connection before it answered.";
        case Errc::precondition_failed:
            return "PreconditionFailed, ETag may be invalid.";
        case Errc::server_error:
            return "The request could not be carried out.";
        default:
            return errc_name(code);
    }
}

std::string text_of(const Error& error) {
    if (is_ours(error.code)) return std::string(default_text(Errc::server_error));
    std::string text(error.detail.empty() ? default_text(error.code) : std::string_view(error.detail));
    std::replace(text.begin(), text.end(), ';', ',');
    return text;
}

/// `MM/DD/YYYY HH:MM:SS`
std::string us_time(WallTime now) {
    const std::string iso = to_iso8601(now);
    const std::string_view text = iso;
    return fmt::format("{}/{}/{} {}", text.substr(5, 2), text.substr(8, 2), text.substr(0, 4),
                       text.substr(11, 8));
}

/// The time with all seven digits of its fraction.
std::string full_time(WallTime now) {
    const std::string iso = to_iso8601(now);
    return fmt::format("{}.{:07}Z", std::string_view(iso).substr(0, 19),
                       now.ticks % WallTime::ticks_per_second);
}

void append_nested(std::string& out, const Error& error, std::string_view text, WallTime now,
                   std::string_view tracking_id, int connect_timeout_s) {
    std::string inner;
    JsonWriter json(inner);
    json.begin_object();
    json.member("errorCode", static_cast<int>(error.code));
    json.member("trackingId", fmt::format("{}-G:0-TimeStamp:{}", tracking_id, us_time(now)));
    json.member("message", text);
    json.key("info").begin_object();
    if (error.code == Errc::device_not_online) {
        json.member("timeout", fmt::format("{:02}:{:02}:{:02}", connect_timeout_s / 3600,
                                           connect_timeout_s / 60 % 60, connect_timeout_s % 60));
    }
    json.end_object();
    json.member("timestampUtc", full_time(now));
    json.end_object();
    JsonWriter(out).begin_object().member("Message", inner).member("ExceptionMessage", "").end_object();
}

}  // namespace

HttpResponse error_response(const Error& error, WallTime now, Random& random, const ErrorContext& context) {
    if (is_ours(error.code)) {
        log.error("request failed code={} detail={}", static_cast<int>(error.code), error.detail);
    }
    HttpResponse response;
    response.status = http_status(error.code);
    const std::string_view name = errc_name(error.code);
    response.add("iothub-errorcode", name);
    if (context.is_of_provisioning)
        response.add("x-ms-error-code", std::to_string(static_cast<int>(error.code)));
    const std::string text = text_of(error);
    const std::string tracking_id = random.hex32();
    JsonWriter json(response.body);
    switch (context.is_of_provisioning ? Envelope::coded : envelope_of(error.code, context.is_of_method)) {
        case Envelope::plain:
            json.begin_object()
                .member("Message", fmt::format("ErrorCode:{};{}", name, text))
                .member("ExceptionMessage",
                        fmt::format("Tracking ID:{}-G:0-TimeStamp:{}", tracking_id, us_time(now)))
                .end_object();
            break;
        case Envelope::coded:
            json.begin_object()
                .member("errorCode", static_cast<int>(error.code))
                .member("message", text)
                .member("trackingId", fmt::format("{}-G:0-TimeStamp:{}", tracking_id, us_time(now)))
                .member("timestampUtc", full_time(now))
                .end_object();
            break;
        case Envelope::nested:
            append_nested(response.body, error, text, now, tracking_id, context.connect_timeout_s);
            break;
    }
    return response;
}

}  // namespace carillon::rest
