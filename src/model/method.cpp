#include "model/method.hpp"

#include "base/member_reader.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <limits>
#include <optional>

namespace carillon {

namespace {

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
    MemberReader in(body);
    const std::string_view name = in.text("methodName").value_or("");
    const JsonValue payload = in.find("payload");
    const bool preview = flavour == Flavour::preview;
    const std::int64_t response_min = preview ? 1 : MethodLimits::response_timeout_min_s;
    const std::int64_t response_max =
        preview ? MethodLimits::preview_timeout_max_s : MethodLimits::response_timeout_max_s;
    std::optional<std::int64_t> response;
    if (preview) response = in.integer("timeoutInSeconds", response_min, response_max);
    // A preview call may be spelt as later clients do.
    if (!response) response = in.integer("responseTimeoutInSeconds", response_min, response_max);
    call.response_timeout_s = static_cast<int>(response.value_or(MethodLimits::response_timeout_default_s));
    call.connect_timeout_s = static_cast<int>(
        in.integer("connectTimeoutInSeconds", 0, MethodLimits::connect_timeout_max_s).value_or(0));
    if (auto error = in.error(); !error) return fail(std::move(error).error());

    if (name.empty()) return fail(Errc::argument_invalid, "methodName is required");
    call.name = name;
    if (call.name.size() > MethodLimits::name_chars_max)
        return fail(Errc::argument_invalid, "methodName is longer than 100 characters");
    if (!may_name_a_method(call.name))
        return fail(Errc::argument_invalid, "methodName contains a control character or one of / + #");
    if (payload.exists()) call.payload = payload.raw();
    if (call.payload.size() > MethodLimits::payload_bytes_max)
        return fail(Errc::argument_invalid, "the payload of a method is larger than 128 KB");
    if (call.connect_timeout_s > call.response_timeout_s) {
        return fail(
            Errc::argument_invalid,
            fmt::format("Device connection timeout {} cannot be longer than an overall call timeout {}.",
                        call.connect_timeout_s, call.response_timeout_s));
    }
    return call;
}

std::string MethodCall::echo(JsonValue body) {
    MemberReader in(body);
    std::string text;
    JsonWriter out(text);
    out.begin_object();
    for (const char* name : {"methodName", "payload"}) {
        if (const JsonValue value = in.find(name); value.exists()) out.member_raw(name, value.raw());
    }
    for (const char* name : {"timeoutInSeconds", "responseTimeoutInSeconds", "connectTimeoutInSeconds"}) {
        MemberReader one(body);  // Of its own: what the flavour does not know may be anything.
        if (const auto seconds = one.integer(name, 0, std::numeric_limits<std::int64_t>::max()))
            out.member(name, *seconds);
    }
    out.end_object();
    return text;
}

}  // namespace carillon
