#include "model/method.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace carillon {

namespace {

/// A whole number of seconds within [min, max]; `absent` if the member is null or not there.
Result<int> read_seconds(JsonValue value, const char* name, int min, int max, int absent) {
    if (value.is_null_or_absent()) return absent;
    const auto seconds = value.integer();
    if (!seconds || *seconds < min || *seconds > max)
        return fail(Errc::argument_invalid, fmt::format("{} must be within [{}, {}].", name, min, max));
    return static_cast<int>(*seconds);
}

bool may_name_a_method(std::string_view name) {
    return std::none_of(name.begin(), name.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '/' || c == '+' || c == '#';
    });
}

}  // namespace

Result<MethodCall> MethodCall::parse(JsonValue body, Flavour flavour) {
    if (body.is_null_or_absent()) return fail(Errc::argument_null, "a method call is required");
    if (!body.is_object()) return fail(Errc::argument_invalid, "a method call must be a JSON object");

    MethodCall call;
    const JsonValue name = body.find("methodName");
    if (!name.is_string() || name.string().empty())
        return fail(Errc::argument_invalid, "methodName is required");
    call.name = name.string();
    if (call.name.size() > MethodLimits::name_chars_max)
        return fail(Errc::argument_invalid, "methodName is longer than 100 characters");
    if (!may_name_a_method(call.name))
        return fail(Errc::argument_invalid, "methodName contains a control character or one of / + #");

    const JsonValue payload = body.find("payload");
    if (payload.exists()) call.payload = payload.raw();
    if (call.payload.size() > MethodLimits::payload_bytes_max)
        return fail(Errc::argument_invalid, "the payload of a method is larger than 128 KB");

    const bool preview = flavour == Flavour::preview;
    const char* response_name = preview ? "timeoutInSeconds" : "responseTimeoutInSeconds";
    // A preview call may be spelt as later clients do.
    if (preview && body.find(response_name).is_null_or_absent()) response_name = "responseTimeoutInSeconds";
    auto response = read_seconds(
        body.find(response_name), response_name, preview ? 1 : MethodLimits::response_timeout_min_s,
        preview ? MethodLimits::preview_timeout_max_s : MethodLimits::response_timeout_max_s,
        MethodLimits::response_timeout_default_s);
    if (!response) return fail(std::move(response).error());
    call.response_timeout_s = *response;

    auto connect = read_seconds(body.find("connectTimeoutInSeconds"), "connectTimeoutInSeconds", 0,
                                MethodLimits::connect_timeout_max_s, 0);
    if (!connect) return fail(std::move(connect).error());
    call.connect_timeout_s = *connect;
    if (call.connect_timeout_s > call.response_timeout_s) {
        return fail(
            Errc::argument_invalid,
            fmt::format("Device connection timeout {} cannot be longer than an overall call timeout {}.",
                        call.connect_timeout_s, call.response_timeout_s));
    }
    return call;
}

}  // namespace carillon
