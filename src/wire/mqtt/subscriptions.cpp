#include "wire/mqtt/subscriptions.hpp"

#include "base/text.hpp"

#include <algorithm>

namespace carillon::mqtt {

namespace {

/// The filter SDKs use for `kind`; empty where there is no one such filter.
std::string canonical_filter(FilterKind kind, ClientIdentity identity) {
    switch (kind) {
        case FilterKind::methods:
            return "$iothub/methods/POST/#";
        case FilterKind::twin_responses:
            return "$iothub/twin/res/#";
        case FilterKind::desired:
            return "$iothub/twin/PATCH/properties/desired/#";
        case FilterKind::method_named:
            return {};
        case FilterKind::c2d:
        case FilterKind::module_inputs:
            break;
    }
    std::string filter = "devices/";
    filter += identity.device;
    if (!identity.module.empty()) filter.append("/modules/").append(identity.module);
    return filter + (kind == FilterKind::c2d ? "/messages/devicebound/#" : "/inputs/#");
}

/// What follows `devices/{d}/modules/{m}/inputs/` in a filter; the ids hold no slash. Nothing if it is one of
/// all topics of the module.
std::optional<std::string_view> after_inputs(std::string_view filter) {
    constexpr int slashes_before_word = 4;
    for (int i = 0; i < slashes_before_word; ++i) {
        const std::size_t slash = filter.find('/');
        if (slash == std::string_view::npos) return std::nullopt;
        filter.remove_prefix(slash + 1);
    }
    const std::size_t slash = filter.find('/');
    if (slash == std::string_view::npos || !equals_ignoring_case(filter.substr(0, slash), "inputs"))
        return std::nullopt;
    return filter.substr(slash + 1);
}

}  // namespace

Subscriptions Subscriptions::copy() const {
    Subscriptions out;
    out.kinds_ = kinds_;
    out.entries_.reserve(entries_.size());
    for (const Entry& entry : entries_) {
        auto text = entry.text ? std::make_unique<std::string>(*entry.text) : nullptr;
        out.entries_.push_back(Entry{std::move(text), entry.kind, entry.qos});
    }
    return out;
}

std::vector<Subscriptions::Entry>::iterator Subscriptions::find(std::string_view filter,
                                                                ClientIdentity identity) {
    return std::find_if(entries_.begin(), entries_.end(), [filter, identity](const Entry& entry) {
        return entry.text ? *entry.text == filter : canonical_filter(entry.kind, identity) == filter;
    });
}

Subscriptions::Outcome Subscriptions::add(std::string_view filter, FilterKind kind, std::uint8_t qos,
                                          ClientIdentity identity) {
    const auto found = find(filter, identity);
    if (found != entries_.end()) {
        if (found->qos == qos) return Outcome::unchanged;
        found->qos = qos;
        return Outcome::changed;
    }
    if (entries_.size() == filters_max) return Outcome::full;
    std::unique_ptr<std::string> text;
    if (filter != canonical_filter(kind, identity)) text = std::make_unique<std::string>(filter);
    entries_.push_back(Entry{std::move(text), kind, qos});
    kinds_ |= bit(kind);
    return Outcome::changed;
}

bool Subscriptions::remove(std::string_view filter, ClientIdentity identity) {
    const auto found = find(filter, identity);
    if (found == entries_.end()) return false;
    entries_.erase(found);
    kinds_ = 0;
    for (const Entry& entry : entries_) kinds_ |= bit(entry.kind);
    return true;
}

bool Subscriptions::takes_method(std::string_view name) const {
    if (has(FilterKind::methods)) return true;
    if (!has(FilterKind::method_named)) return false;
    return std::any_of(entries_.begin(), entries_.end(), [name](const Entry& entry) {
        return entry.kind == FilterKind::method_named && named_method(*entry.text) == name;
    });
}

std::optional<std::uint8_t> Subscriptions::c2d_qos() const {
    std::optional<std::uint8_t> qos;
    for (const Entry& entry : entries_) {
        const bool selects_messages =
            entry.kind == FilterKind::c2d ||
            (entry.kind == FilterKind::module_inputs && entry.text != nullptr && !after_inputs(*entry.text));
        if (!selects_messages) continue;
        qos = std::max(qos.value_or(0), entry.qos);
    }
    return qos;
}

std::optional<std::uint8_t> Subscriptions::input_qos(std::string_view input) const {
    const auto selects = [input](const Entry& entry) {
        if (entry.kind != FilterKind::module_inputs) return false;
        const auto rest = entry.text != nullptr ? after_inputs(*entry.text) : std::nullopt;
        if (!rest) return true;
        const std::string_view name = rest->substr(0, rest->find('/'));
        return name == "#" || name == "+" || name == input;
    };
    std::optional<std::uint8_t> qos;
    for (const Entry& entry : entries_) {
        if (selects(entry)) qos = std::max(qos.value_or(0), entry.qos);
    }
    return qos;
}

std::vector<StoredFilter> Subscriptions::stored(ClientIdentity identity) const {
    std::vector<StoredFilter> out;
    out.reserve(entries_.size());
    for (const Entry& entry : entries_) {
        out.push_back(
            {.filter = entry.text ? *entry.text : canonical_filter(entry.kind, identity), .qos = entry.qos});
    }
    return out;
}

}  // namespace carillon::mqtt
