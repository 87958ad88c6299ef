#include "wire/amqp/event_links.hpp"

#include "base/text.hpp"
#include "wire/amqp/address_path.hpp"

#include <limits>
#include <vector>

namespace carillon::amqp {

namespace {

/// Longer ones are refused unread. Ours: clients' are some 60 bytes.
constexpr std::size_t selector_bytes_max = 256;
constexpr std::string_view filter_name = "apache.org:selector-filter:string";
constexpr std::string_view annotation_prefix = "amqp.annotation.";

bool is_partition_path(const std::vector<std::string_view>& segments) {
    const std::size_t count = segments.size();
    return count > 4 && equals_ignoring_case(segments[count - 4], "ConsumerGroups") &&
           equals_ignoring_case(segments[count - 2], "Partitions") && !segments[count - 3].empty() &&
           !segments[count - 1].empty();
}

/// `path` without its last `dropped` segments.
std::string without_last(std::string_view path, std::size_t dropped) {
    for (; dropped > 0; --dropped) path = path.substr(0, path.rfind('/'));
    return std::string(path);
}

auto no_selector(const char* why) {
    return fail(Errc::argument_invalid, std::string("The filter is not understood: ") + why);
}

/// What follows the operator: a number, `-1` or `@latest`, perhaps within quotes.
Result<std::string_view> operand_of(std::string_view text) {
    if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
        text = text.substr(1, text.size() - 2);
    }
    if (text.empty()) return no_selector("there is nothing behind the operator.");
    return text;
}

/// The number of the first event behind `operand`, or from it on.
Result<std::uint64_t> first_wanted(std::string_view operand, bool is_inclusive) {
    const auto number = parse_u64(operand);
    if (!number || *number == std::numeric_limits<std::uint64_t>::max()) {
        return no_selector("the position is not a number.");
    }
    return is_inclusive ? *number : *number + 1;
}

}  // namespace

EventAddress parse_event_address(const Attach& attach, std::string_view entity) {
    EventAddress address;
    const bool is_sender = attach.role == LinkRole::sender;
    const Terminus& terminus = is_sender ? attach.target : attach.source;
    if (!terminus.is_present || terminus.is_coordinator || terminus.is_dynamic || !terminus.address) {
        return address;
    }
    const std::string_view path = address_path(*terminus.address);
    const auto segments = split(path, '/');
    if (equals_ignoring_case(segments.back(), "$management")) {
        if (segments.size() > 1) address.entity = without_last(path, 1);
        const bool is_hub = equals_ignoring_case(address.entity, hub_events_entity);
        address.kind = is_hub ? EventLinkKind::hub_redirect : EventLinkKind::management;
        return address;
    }
    if (is_partition_path(segments)) {
        if (is_sender) return address;
        address.kind = EventLinkKind::partition;
        address.entity = without_last(path, 4);
        address.group = segments[segments.size() - 3];
        address.partition = segments.back();
        return address;
    }
    if (!is_sender) return address;
    const bool names_partition =
        segments.size() > 2 && equals_ignoring_case(segments[segments.size() - 2], "Partitions");
    std::string named = without_last(path, names_partition ? 2 : 0);
    if (equals_ignoring_case(named, entity) || equals_ignoring_case(named, hub_events_entity)) {
        address.kind = EventLinkKind::send_to_entity;
        address.entity = std::move(named);
    }
    return address;
}

Result<EventSelector> parse_event_selector(std::string_view text) {
    if (text.size() > selector_bytes_max) return no_selector("it is too long.");
    text = trimmed(text);
    const std::size_t name_end = text.find_first_of(" \t>");
    if (!text.starts_with(annotation_prefix) || name_end == std::string_view::npos) {
        return no_selector("it must compare an annotation, such as amqp.annotation.x-opt-offset > '17'.");
    }
    const auto name = text.substr(annotation_prefix.size(), name_end - annotation_prefix.size());
    std::string_view rest = trimmed(text.substr(name_end));
    if (!rest.starts_with('>')) return no_selector("only > and >= are known.");
    rest.remove_prefix(1);
    const bool is_inclusive = rest.starts_with('=');
    if (is_inclusive) rest.remove_prefix(1);
    const auto operand = operand_of(trimmed(rest));
    if (!operand) return fail(operand.error());

    EventSelector selector;
    const bool is_offset = name == "x-opt-offset";
    if (is_offset || name == "x-opt-sequence-number") {
        if (*operand == "@latest") {
            selector.kind = EventSelector::Kind::latest;
        } else if (*operand != "-1") {
            auto first = first_wanted(*operand, is_inclusive);
            if (!first) return fail(std::move(first).error());
            selector.kind = EventSelector::Kind::sequence;
            selector.sequence = *first;
        }
        return selector;
    }
    if (name == "x-opt-enqueued-time" || name == "x-opt-enqueuedtimeutc") {
        const auto time = parse_i64(*operand);
        if (!time || *time > std::numeric_limits<std::int64_t>::max() - 1) {
            return no_selector("the time is not in milliseconds since 1970.");
        }
        selector.kind = EventSelector::Kind::time;
        selector.unix_ms = is_inclusive ? *time : *time + 1;
        return selector;
    }
    return no_selector("the annotation is not x-opt-offset, x-opt-sequence-number or x-opt-enqueued-time.");
}

Result<std::optional<std::string>> find_event_selector(const Attach& attach) {
    const Value filter = find_in_map(attach.source.filter, filter_name);
    if (filter.is_null()) return std::optional<std::string>();
    // Clients use several descriptors. Source: azure-sdk-for-net: AmqpFilter.cs; azure-sdk-for-js:
    // event-hubs, eventPosition.ts.
    Value value = filter;
    if (filter.type == Type::described) {
        Reader in(filter);
        static_cast<void>(in.value());
        value = in.value();
    }
    if (const auto text = value.as_text()) return std::optional<std::string>(*text);
    if (const auto bytes = value.as_binary()) return std::optional<std::string>(as_text(*bytes));
    return no_selector("it is not a text.");
}

bool is_desired(const Attach& attach, std::string_view capability) {
    const Value& desired = attach.desired_capabilities;
    if (const auto one = desired.as_text()) return *one == capability;
    if (desired.type != Type::array) return false;
    ArrayReader in(desired);
    while (const auto each = in.next()) {
        if (each->as_text() == capability) return true;
    }
    return false;
}

std::optional<std::int64_t> link_number(const Attach& attach, std::string_view key) {
    if (attach.properties.empty()) return std::nullopt;
    Reader in(attach.properties);
    return find_in_map(in.value(), key).as_i64();
}

}  // namespace carillon::amqp
