#include "wire/amqp/hub_links.hpp"

#include "base/text.hpp"
#include "wire/amqp/address_path.hpp"

#include <span>
#include <vector>

namespace carillon::amqp {

namespace {

using Path = std::span<const std::string_view>;

bool is_path(Path path, std::initializer_list<std::string_view> literals) {
    if (path.size() != literals.size()) return false;
    std::size_t i = 0;
    for (const std::string_view literal : literals) {
        if (!equals_ignoring_case(path[i++], literal)) return false;
    }
    return true;
}

/// What is behind the ids.
LinkKind device_kind(Path rest, bool is_module, bool is_sender) {
    if (is_path(rest, {"messages", "events"})) {
        if (is_sender) return LinkKind::telemetry;
        return is_module ? LinkKind::module_inputs : LinkKind::unknown;
    }
    if (is_path(rest, {"messages", "devicebound"}))
        return is_sender ? LinkKind::unknown : LinkKind::devicebound;
    if (is_path(rest, {"methods", "devicebound"})) {
        return is_sender ? LinkKind::method_responses : LinkKind::method_requests;
    }
    if (is_path(rest, {"twin"})) return is_sender ? LinkKind::twin_requests : LinkKind::twin_responses;
    return LinkKind::unknown;
}

LinkKind service_kind(Path path, bool is_sender) {
    if (is_path(path, {"$cbs"})) return is_sender ? LinkKind::cbs_requests : LinkKind::cbs_responses;
    if (is_path(path, {"messages", "devicebound"}))
        return is_sender ? LinkKind::service_send : LinkKind::unknown;
    if (is_path(path, {"messages", "servicebound", "feedback"})) {
        return is_sender ? LinkKind::unknown : LinkKind::feedback;
    }
    if (is_path(path, {"messages", "servicebound", "filenotifications"})) {
        return is_sender ? LinkKind::unknown : LinkKind::file_notifications;
    }
    if (path.size() >= 2 && is_path(path.first(2), {"messages", "events"})) return LinkKind::events;
    return LinkKind::unknown;
}

}  // namespace

LinkAddress parse_link_address(const Attach& attach) {
    LinkAddress address;
    const bool is_sender = attach.role == LinkRole::sender;
    const Terminus& terminus = is_sender ? attach.target : attach.source;
    if (!terminus.is_present || terminus.is_coordinator || terminus.is_dynamic || !terminus.address)
        return address;
    const std::vector<std::string_view> segments = split(address_path(*terminus.address), '/');
    Path path(segments);
    if (!equals_ignoring_case(path[0], "devices")) {
        address.kind = service_kind(path, is_sender);
        return address;
    }
    if (path.size() < 3) return address;
    auto device = percent_decode(path[1]);
    const bool is_module = path.size() >= 5 && equals_ignoring_case(path[2], "modules");
    auto module = is_module ? percent_decode(path[3]) : std::string();
    if (!device || device->empty() || !module || module->empty() == is_module) return address;
    address.kind = device_kind(path.subspan(is_module ? 4 : 2), is_module, is_sender);
    if (address.kind == LinkKind::unknown) return address;
    address.device = *std::move(device);
    address.module = *std::move(module);
    return address;
}

std::optional<PlainUser> parse_plain_user(std::string_view text) {
    // An id may hold `@sas.` itself; a hub's name does not.
    constexpr std::string_view marker = "@sas.";
    constexpr std::string_view root = "root.";
    const std::size_t at = text.rfind(marker);
    if (at == std::string_view::npos) return std::nullopt;
    const std::string_view name = text.substr(0, at);
    std::string_view hub = text.substr(at + marker.size());
    PlainUser user;
    if (hub.starts_with(root)) {
        hub.remove_prefix(root.size());
        user.policy = name;
    } else {
        constexpr std::string_view modules = "/modules/";
        const std::size_t split_at = name.find(modules);
        user.device = name.substr(0, split_at);
        if (split_at != std::string_view::npos) {
            user.module = name.substr(split_at + modules.size());
            if (user.module.empty()) return std::nullopt;
        }
        if (user.device.empty()) return std::nullopt;
    }
    if (name.empty() || hub.empty()) return std::nullopt;
    return user;
}

std::string_view link_property(const Attach& attach, std::string_view key) {
    if (attach.properties.empty()) return {};
    Reader in(attach.properties);
    return find_in_map(in.value(), key).as_text().value_or(std::string_view());
}

}  // namespace carillon::amqp
