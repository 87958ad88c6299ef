#include "wire/mqtt/property_bag.hpp"

#include "base/text.hpp"

#include <algorithm>
#include <array>

namespace carillon::mqtt {

namespace {

constexpr std::string_view stamped_prefix = "iothub-connection-";

/// Short names on MQTT, and what they are called at the event endpoint.
constexpr std::array<std::pair<std::string_view, std::string_view>, 14> system_names{{
    {"mid", "message-id"},
    {"cid", "correlation-id"},
    {"uid", "user-id"},
    {"to", "to"},
    {"exp", "absolute-expiry-time"},
    {"ct", "content-type"},
    {"ce", "content-encoding"},
    {"on", "iothub-outputname"},
    {"ifid", "iothub-interface-id"},
    {"sub", "dt-subject"},
    {"ctime", "iothub-creation-time-utc"},
    {"schema", "iothub-message-schema"},
    {"diagid", "Diagnostic-Id"},
    {"diagctx", "Correlation-Context"},
}};

std::string decoded(std::string_view text) {
    auto plain = percent_decode(text);
    if (!plain || !is_utf8(*plain)) return std::string(text);
    return *std::move(plain);
}

/// True if the list has `name` already.
template <class Pairs>
bool holds(const Pairs& pairs, std::string_view name) {
    return std::any_of(pairs.begin(), pairs.end(), [name](const auto& pair) { return pair.first == name; });
}

void add(PropertyBag& out, std::string name, std::optional<std::string> value) {
    if (name.starts_with("$.")) {
        const std::string_view short_name = std::string_view(name).substr(2);
        const auto known = std::find_if(system_names.begin(), system_names.end(),
                                        [short_name](const auto& pair) { return pair.first == short_name; });
        if (known == system_names.end() || !value || holds(out.system, known->second)) return;
        out.system.emplace_back(known->second, *std::move(value));
        return;
    }
    if (name.empty() || name.starts_with(stamped_prefix) || holds(out.properties, name)) return;
    out.properties.emplace_back(std::move(name), std::move(value));
}

}  // namespace

std::size_t PropertyBag::bytes() const {
    std::size_t sum = 0;
    for (const auto& [name, value] : system) sum += name.size() + value.size();
    for (const auto& [name, value] : properties) sum += name.size() + (value ? value->size() : 0);
    return sum;
}

Result<PropertyBag> parse_property_bag(std::string_view bag) {
    if (bag.starts_with('?')) bag.remove_prefix(1);
    if (bag.ends_with('/')) bag.remove_suffix(1);
    PropertyBag out;
    std::size_t count = 0;
    while (!bag.empty()) {
        const std::size_t ampersand = bag.find('&');
        const std::string_view pair = bag.substr(0, ampersand);
        bag.remove_prefix(ampersand == std::string_view::npos ? bag.size() : ampersand + 1);
        if (pair.empty()) continue;
        if (++count > properties_max) return fail(Errc::malformed_packet, "too many properties");
        const std::size_t equals = pair.find('=');
        std::optional<std::string> value;
        if (equals != std::string_view::npos) value = decoded(pair.substr(equals + 1));
        add(out, decoded(pair.substr(0, equals)), std::move(value));
    }
    return out;
}

}  // namespace carillon::mqtt
