#include "wire/mqtt/hub_topics.hpp"

#include "base/text.hpp"
#include "wire/mqtt/encode.hpp"
#include "wire/mqtt/topic_prefixes.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <set>
#include <span>

namespace carillon::mqtt {

namespace {

// ---------------------------------------------------------------------------------------------------
// Every topic of the hub. `{own}` is `devices/{d}` for a device, `devices/{d}/modules/{m}` for a module.
//
//   device subscribes to                          device publishes to
//     {own}/messages/devicebound/#                  {own}/messages/events/{bag}
//     {own}/inputs/#              (modules)         $iothub/methods/res/{status}/?$rid={rid}
//     $iothub/methods/POST/#                        $iothub/twin/GET/?$rid={rid}
//     $iothub/twin/res/#                            $iothub/twin/PATCH/properties/reported/?$rid={rid}
//     $iothub/twin/PATCH/properties/desired/#
//
// `$iothub` topics compare exactly, the words of `devices` topics without case
// (iotedge: MessageAddressConverter.cs), ids always exactly. In a filter `+` may stand for the own id,
// as the Azure SDK for Embedded C subscribes to `devices/+/messages/devicebound/#`.
// ---------------------------------------------------------------------------------------------------

bool consume_ignoring_case(std::string_view& text, std::string_view prefix) {
    if (text.size() < prefix.size() || !equals_ignoring_case(text.substr(0, prefix.size()), prefix)) {
        return false;
    }
    text.remove_prefix(prefix.size());
    return true;
}

/// Takes `devices/{d}/` or `devices/{d}/modules/{m}/` off the front.
bool consume_own_prefix(std::string_view& text, ClientIdentity identity) {
    if (!consume_ignoring_case(text, "devices/") || !consume(text, identity.device) || !consume(text, "/")) {
        return false;
    }
    if (identity.module.empty()) return true;
    return consume_ignoring_case(text, "modules/") && consume(text, identity.module) && consume(text, "/");
}

/// Takes the own id, or `+` in its place, and the slash behind it off the front.
bool consume_own_id(std::string_view& filter, std::string_view id) {
    const std::string_view whole = filter;
    if (consume(filter, id) && consume(filter, "/")) return true;
    filter = whole;
    return consume(filter, "+/");
}

/// `consume_own_prefix` for filters.
bool consume_own_filter_prefix(std::string_view& filter, ClientIdentity identity) {
    if (!consume_ignoring_case(filter, "devices/") || !consume_own_id(filter, identity.device)) return false;
    if (identity.module.empty()) return true;
    return consume_ignoring_case(filter, "modules/") && consume_own_id(filter, identity.module);
}

bool holds(std::string_view text, char c) {
    return text.find(c) != std::string_view::npos;
}

bool is_wildcard(std::string_view level) {
    return level == "+" || level == "#";
}

/// True if `filter` matches topics of the form `words…/{anything}`, where that last level is not
/// pinned down to one text. MQTT 3.1.1 §4.7.1
bool selects(std::string_view filter, std::span<const std::string_view> words) {
    for (std::string_view word : words) {
        const std::size_t slash = filter.find('/');
        const std::string_view level = filter.substr(0, slash);
        if (level == "#") return slash == std::string_view::npos;
        if (level != "+" && !equals_ignoring_case(level, word)) return false;
        if (slash == std::string_view::npos) return false;
        filter.remove_prefix(slash + 1);
    }
    return filter == "#" || filter == "+";
}

std::optional<FilterKind> parse_own_filter(std::string_view rest, bool is_module) {
    constexpr std::array<std::string_view, 2> c2d{"messages", "devicebound"};
    constexpr std::array<std::string_view, 1> inputs{"inputs"};
    if (!is_module) {
        // `devices/{d}/#` would select the topics of the device's modules, other identities.
        if (rest.starts_with("#") || !selects(rest, c2d)) return std::nullopt;
        return FilterKind::c2d;
    }
    if (selects(rest, inputs)) return FilterKind::module_inputs;  // also `#` alone
    if (selects(rest, c2d)) return FilterKind::c2d;
    // `inputs/{name}/#`: one input.
    if (!consume_ignoring_case(rest, "inputs/")) return std::nullopt;
    const std::size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos || !is_wildcard(rest.substr(slash + 1))) {
        return std::nullopt;
    }
    const std::string_view name = rest.substr(0, slash);
    if (name != "+" && name.find_first_of("+#") != std::string_view::npos) return std::nullopt;
    return FilterKind::module_inputs;
}

/// `rest` follows `$iothub/methods/POST/`: `#`, or `{name}/#`.
std::optional<FilterKind> parse_method_filter(std::string_view rest) {
    if (rest == "#") return FilterKind::methods;
    const std::size_t slash = rest.find('/');
    if (slash == 0 || slash == std::string_view::npos || !is_wildcard(rest.substr(slash + 1))) {
        return std::nullopt;
    }
    const std::string_view name = rest.substr(0, slash);
    if (name == "+") return FilterKind::methods;
    if (name.find_first_of("+#") != std::string_view::npos) return std::nullopt;
    return FilterKind::method_named;
}

std::optional<PublishTopic> parse_telemetry_topic(std::string_view rest) {
    if (!consume_ignoring_case(rest, "messages/events")) return std::nullopt;
    if (!rest.empty() && !consume(rest, "/")) return std::nullopt;
    return PublishTopic{.kind = TopicKind::telemetry, .bag = rest, .rid = {}, .status = {}, .version = {}};
}

/// Reads what follows the path of a request: nothing, or `/`, then `?$rid=…&$version=…`. False if it
/// is anything else, such as more path.
bool parse_query(std::string_view rest, PublishTopic& topic) {
    // As today's SDKs write it.
    constexpr std::string_view usual = "/?$rid=";
    if (rest.starts_with(usual) && rest.size() <= usual.size() + rid_bytes_max && !holds(rest, '&')) {
        topic.rid = rest.substr(usual.size());
        return true;
    }
    consume(rest, "/");
    if (rest.empty()) return true;
    if (!consume(rest, "?")) return false;
    while (!rest.empty()) {
        const std::size_t ampersand = rest.find('&');
        std::string_view pair = rest.substr(0, ampersand);
        rest.remove_prefix(ampersand == std::string_view::npos ? rest.size() : ampersand + 1);
        if (!consume(pair, "$") && !consume(pair, "%24")) continue;
        if (consume(pair, "rid=")) {
            if (topic.rid.empty() && pair.size() <= rid_bytes_max) topic.rid = pair;
        } else if (consume(pair, "version=")) {
            if (!topic.has_version) topic.version = parse_i64(pair);
            topic.has_version = true;
        }
    }
    return true;
}

std::optional<PublishTopic> parse_method_response(std::string_view rest) {
    std::size_t end = 0;
    while (end < rest.size() && rest[end] != '/' && rest[end] != '?') ++end;
    if (end == 0) return std::nullopt;
    PublishTopic topic{.kind = TopicKind::method_response, .bag = {}, .rid = {}, .status = {}, .version = {}};
    int status = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + end, status);
    if (parsed.ec == std::errc{} && parsed.ptr == rest.data() + end) topic.status = status;
    if (!parse_query(rest.substr(end), topic)) return std::nullopt;
    return topic;
}

/// A decimal number without the heap.
class Decimal {
public:
    explicit Decimal(std::int64_t value) {
        length_ = static_cast<std::size_t>(
            std::to_chars(digits_.data(), digits_.data() + digits_.size(), value).ptr - digits_.data());
    }
    std::string_view text() const { return {digits_.data(), length_}; }

private:
    std::array<char, 20> digits_;
    std::size_t length_;
};

/// Appends a QoS 0 PUBLISH whose topic is the concatenation of `parts`.
void append_hub_publish(std::string& out, std::initializer_list<std::string_view> parts,
                        std::string_view payload) {
    std::size_t topic_bytes = 0;
    for (std::string_view part : parts) topic_bytes += part.size();
    append_publish_header(out, 0, false, topic_bytes, payload.size());
    const std::size_t begin = out.size();
    out.resize(begin + topic_bytes + payload.size());
    char* at = out.data() + begin;
    for (std::string_view part : parts) at = std::copy(part.begin(), part.end(), at);
    std::copy(payload.begin(), payload.end(), at);
}

/// Cloud-to-device system properties in the order of the wire; azure-iot-sdk-c finds them by the
/// literal `%24.`.
constexpr std::array<std::string_view, 7> c2d_order{"exp", "mid", "to", "cid", "uid", "ct", "ce"};

}  // namespace

std::optional<FilterKind> parse_filter(std::string_view filter, ClientIdentity identity) {
    std::string_view rest = filter;
    if (consume_own_filter_prefix(rest, identity)) return parse_own_filter(rest, !identity.module.empty());
    rest = filter;
    if (consume(rest, methods_filter_prefix)) return parse_method_filter(rest);
    if (consume(rest, twin_res_filter_prefix)) {
        if (rest == "#" || rest == "+/#" || rest == "+/+") return FilterKind::twin_responses;
        return std::nullopt;
    }
    if (consume(rest, desired_filter_prefix)) {
        if (is_wildcard(rest)) return FilterKind::desired;
        return std::nullopt;
    }
    return std::nullopt;
}

std::string_view named_method(std::string_view filter) {
    if (!consume(filter, methods_filter_prefix)) return {};
    return filter.substr(0, filter.find('/'));
}

std::optional<PublishTopic> parse_publish_topic(std::string_view topic, ClientIdentity identity) {
    std::string_view rest = topic;
    if (topic.starts_with('$')) {
        // [MQTT-3.3.2-2]. Not asked of telemetry topics, whose ids and raw bags may hold both.
        if (holds(topic, '+') || holds(topic, '#')) return std::nullopt;
        if (consume(rest, method_res_topic_prefix)) return parse_method_response(rest);
        PublishTopic parsed;
        if (consume(rest, twin_get_topic)) {
            parsed.kind = TopicKind::twin_get;
        } else if (consume(rest, twin_patch_topic)) {
            parsed.kind = TopicKind::twin_patch;
        } else {
            return std::nullopt;
        }
        if (!parse_query(rest, parsed)) return std::nullopt;
        return parsed;
    }
    if (!consume_own_prefix(rest, identity)) return std::nullopt;
    return parse_telemetry_topic(rest);
}

void append_method_request(std::string& out, std::uint16_t request_id, std::string_view name,
                           std::string_view payload) {
    const Decimal id(request_id);
    append_hub_publish(out, {methods_filter_prefix, name, "/?$rid=", id.text()}, payload);
}

void append_twin_response(std::string& out, int status, std::string_view rid,
                          std::optional<std::int64_t> version, std::string_view body) {
    const Decimal status_text(status);
    const Decimal version_text(version.value_or(0));
    append_hub_publish(out,
                       {twin_res_filter_prefix, status_text.text(), "/?$rid=", rid,
                        version ? std::string_view("&$version=") : std::string_view(),
                        version ? version_text.text() : std::string_view()},
                       body);
}

void append_desired_notification(std::string& out, std::int64_t version, std::string_view body) {
    const Decimal version_text(version);
    append_hub_publish(out, {desired_filter_prefix, "?$version=", version_text.text()}, body);
}

std::string c2d_topic(ClientIdentity identity, const std::vector<std::pair<std::string, std::string>>& system,
                      std::string_view ack,
                      const std::vector<std::pair<std::string, std::optional<std::string>>>& properties,
                      std::string_view input) {
    std::string topic = "devices/";
    topic += identity.device;
    if (!identity.module.empty()) topic.append("/modules/").append(identity.module);
    if (input.empty()) {
        topic += "/messages/devicebound/";
    } else {
        topic.append("/inputs/").append(input).append("/");
    }

    bool is_first = true;
    auto add = [&topic, &is_first](std::string_view name, const std::optional<std::string>& value) {
        if (!is_first) topic += '&';
        is_first = false;
        topic += name;
        if (value) topic.append("=").append(percent_encode(*value));
    };
    for (std::string_view name : c2d_order) {
        const auto found = std::find_if(system.begin(), system.end(),
                                        [name](const auto& pair) { return pair.first == name; });
        if (found == system.end() || found->second.empty()) continue;
        add("%24." + std::string(name), found->second);
    }
    if (!ack.empty()) add("iothub-ack", std::string(ack));
    std::set<std::string_view> seen{"iothub-ack"};
    for (const auto& [name, value] : properties) {
        // azure-iot-sdk-csharp throws on a key that repeats.
        if (name.empty() || name.starts_with("$.") || !seen.insert(name).second) continue;
        add(percent_encode(name), value);
    }
    return topic;
}

}  // namespace carillon::mqtt
