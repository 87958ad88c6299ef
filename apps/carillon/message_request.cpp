#include "message_request.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/text.hpp"
#include "failure.hpp"
#include "flag_checks.hpp"
#include "model/cloud_message.hpp"
#include "server/private_file.hpp"

#include <CLI/App.hpp>

namespace carillon {

void add_content_flags(CLI::App& command, MessageOrder& order) {
    ServiceMessage& message = order.message;
    auto* data = command.add_option("--data,--da", order.data, "The body, as text [empty]");
    command.add_option("--data-file-path,--dfp", order.data_file, "A file with the body")->excludes(data);
    command.add_option("--props,-p", order.properties, "Application properties: name=value;name=value");
    command.add_option("--message-id,--mid", message.message_id, "Message id, by which feedback names it");
    command.add_option("--correlation-id,--cid", message.correlation_id, "Correlation id");
    command.add_option("--user-id,--uid", message.user_id, "User id of the sender");
    command.add_option("--content-type,--ct", message.content_type, "Content type of the body");
    command.add_option("--content-encoding,--ce", message.content_encoding, "Content encoding of the body");
}

void add_message_flags(CLI::App& command, MessageOrder& order) {
    add_content_flags(command, order);
    ServiceMessage& message = order.message;
    command
        .add_option("--ack", message.ack,
                    "Outcomes to give feedback on: none, positive, negative, full [none]")
        ->check(one_of({"none", "positive", "negative", "full"}));
    command.add_option("--expiry-time-utc,--expiry", message.expiry,
                       "When it expires: ISO 8601, or milliseconds since 1970; within 2 days [in 1 hour]");
    command.add_option("--input", message.input, "The input that it is for, of the module that -m names");
}

Result<std::vector<std::pair<std::string, std::string>>> properties_argument(const std::string& text) {
    std::vector<std::pair<std::string, std::string>> properties;
    if (text.empty()) return properties;
    for (const std::string_view pair : split(text, ';')) {
        if (pair.empty()) continue;
        const std::size_t equals = pair.find('=');
        if (equals == 0 || equals == std::string_view::npos) {
            return fail_usage("--props: '" + std::string(pair) + "' is not name=value");
        }
        properties.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return properties;
}

Result<std::string> expiry_argument(const std::string& text) {
    if (text.empty()) return text;
    if (const auto milliseconds = parse_i64(text)) {
        constexpr std::int64_t ms_per_s = 1000;
        constexpr std::int64_t milliseconds_max = 253'402'300'799'000;  // the end of the year 9999
        if (*milliseconds < 0 || *milliseconds > milliseconds_max) {
            return fail_usage("--expiry-time-utc: " + text + " is not a time in milliseconds since 1970");
        }
        WallTime time = WallTime::from_unix_s(*milliseconds / ms_per_s);
        time.ticks += *milliseconds % ms_per_s * (WallTime::ticks_per_second / ms_per_s);
        return to_iso8601(time);
    }
    if (parse_iso8601(text)) return text;
    return fail_usage("--expiry-time-utc: '" + text +
                      "' is neither ISO 8601, such as 2026-11-29T12:00:00Z, nor "
                      "milliseconds since 1970");
}

Result<ServiceMessage> read_message_order(const MessageOrder& order) {
    ServiceMessage message = order.message;
    message.body = order.data;
    if (!order.data_file.empty()) {
        auto body = read_file(order.data_file);
        if (!body) return fail(std::move(body).error());
        message.body = *std::move(body);
    }
    auto properties = properties_argument(order.properties);
    if (!properties) return fail(std::move(properties).error());
    message.properties = *std::move(properties);
    auto expiry = expiry_argument(message.expiry);
    if (!expiry) return fail(std::move(expiry).error());
    message.expiry = *std::move(expiry);
    return message;
}

std::string message_json(const ReceivedServiceMessage& received) {
    std::string json;
    JsonWriter out(json);
    out.begin_object();
    // A body that is no text is printed as base64, which says so.
    if (is_utf8(received.body)) {
        out.member("data", received.body);
    } else {
        out.member("dataBase64", base64_encode(received.body));
    }
    out.member("etag", received.lock).key("properties").begin_object().key("app").begin_object();
    for (const auto& [name, value] : received.properties) out.member(name, value);
    out.end_object().key("system").begin_object();
    for (const auto& [name, value] : received.system) out.member(name, value);
    out.end_object().end_object().end_object();
    return json;
}

}  // namespace carillon
