#include "core/rollouts/confirm/confirm_rule.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "model/section/section_patch.hpp"

#include <fmt/core.h>
#include <algorithm>

namespace carillon {
namespace {

using Kind = SectionValue::Kind;

SectionValue find_at(const Section& section, const std::vector<std::string>& path) {
    std::vector<std::string_view> names(path.begin(), path.end());
    return section.find(names);
}

/// An acknowledgement's member. Source: IoT Hub docs, "IoT Plug and Play conventions", writable properties.
std::optional<double> number_of(const Section& section, const std::vector<std::string>& path,
                                std::string_view name) {
    std::vector<std::string_view> names(path.begin(), path.end());
    names.push_back(name);
    const auto found = section.find(names);
    if (found.kind != Kind::number) return std::nullopt;
    return found.number;
}

std::string joined(std::string_view head, const std::vector<std::string>& path) {
    std::string text(head);
    for (const auto& name : path) text += '.' + name;
    return text;
}

/// A value as a sentence has it, not too long.
std::string shown(const SectionValue& value) {
    constexpr std::size_t bytes_max = 64;
    switch (value.kind) {
        case Kind::absent:
            return "not there";
        case Kind::boolean:
            return value.boolean ? "true" : "false";
        case Kind::object:
            return "an object";
        case Kind::array:
            return "a list";
        case Kind::number:
            return std::string(value.text.substr(0, bytes_max));
        case Kind::string:
            break;
    }
    if (value.text.size() > bytes_max) return "another text";
    std::string text;
    JsonWriter(text).value(value.text);
    return text;
}

}  // namespace

bool ConfirmRule::Value::is(const SectionValue& value) const {
    if (value.kind != kind) return false;
    switch (kind) {
        case Kind::absent:
            return true;
        case Kind::boolean:
            return value.boolean == boolean;
        case Kind::number:
            return value.number == number;
        case Kind::string:
        case Kind::array:
            return value.text == text;
        case Kind::object:
            break;
    }
    return false;
}

Result<> ConfirmRule::add_leaves(JsonValue object, Path& path) {
    for (JsonValue v = object.first(); v.exists(); v = v.next()) {
        path.emplace_back(v.key());
        if (v.is_object()) {
            if (auto added = add_leaves(v, path); !added) return added;
            path.pop_back();
            continue;
        }
        Leaf leaf{path, path, {}};
        path.pop_back();
        if (v.is_boolean()) {
            leaf.value.kind = Kind::boolean;
            leaf.value.boolean = v.boolean();
        } else if (v.is_number()) {
            leaf.value.kind = Kind::number;
            leaf.value.number = v.number();
        } else if (v.is_string()) {
            leaf.value.kind = Kind::string;
            leaf.value.text = v.string();
        } else if (v.is_array()) {
            auto array = check_array(v, 1);
            if (!array) return fail(std::move(array).error());
            leaf.value.kind = Kind::array;
            leaf.value.text = std::move(array->text);
        }
        leaves_.push_back(std::move(leaf));
    }
    return {};
}

Result<ConfirmRule> ConfirmRule::make(const RolloutConfirm& confirm, const TwinPatch& patch) {
    ConfirmRule rule;
    rule.by_acknowledgement_ = confirm.by == ConfirmBy::acknowledged;
    if (confirm.by == ConfirmBy::condition) return rule;
    Path path;
    if (patch.desired) {
        if (auto added = rule.add_leaves(patch.desired->root(), path); !added)
            return fail(std::move(added).error());
    }
    if (rule.leaves_.empty()) {
        return fail(Errc::argument_invalid,
                    "rollout.confirm.by: \"reported\" and \"acknowledged\" need a desired property in "
                    "updateTwin; \"condition\" does not");
    }
    if (confirm.map.empty()) return rule;
    // Only what is named is watched.
    std::vector<Leaf> watched;
    for (const auto& [desired, reported] : confirm.map) {
        const auto split_path = [](std::string_view text, std::string_view head) {
            Path names;
            for (const auto name : split(text.substr(head.size()), '.')) names.emplace_back(name);
            return names;
        };
        const auto from = split_path(desired, "properties.desired.");
        const auto found = std::find_if(rule.leaves_.begin(), rule.leaves_.end(),
                                        [&](const Leaf& leaf) { return leaf.desired == from; });
        if (found == rule.leaves_.end()) {
            return fail(Errc::argument_invalid,
                        fmt::format("rollout.confirm.map: updateTwin does not set {}", desired));
        }
        watched.push_back(*found);
        watched.back().reported = split_path(reported, "properties.reported.");
    }
    rule.leaves_ = std::move(watched);
    return rule;
}

ConfirmRule::Answer ConfirmRule::acknowledgement(const Twin& twin, const Leaf& leaf,
                                                 std::int64_t version) const {
    // A property that was removed has nothing to be acknowledged in.
    if (leaf.value.kind == Kind::absent && find_at(twin.reported, leaf.reported).kind == Kind::absent)
        return Answer::yes;
    const auto of = number_of(twin.reported, leaf.reported, "av");
    const auto code = number_of(twin.reported, leaf.reported, "ac");
    if (!of || !code || *of < static_cast<double>(version)) return Answer::none;
    if (*code >= 200 && *code < 300) return Answer::yes;
    return *code >= 400 ? Answer::no : Answer::none;
}

bool ConfirmRule::is_met(const Twin& twin, const Leaf& leaf, std::int64_t version) const {
    if (by_acknowledgement_) return acknowledgement(twin, leaf, version) == Answer::yes;
    return leaf.value.is(find_at(twin.reported, leaf.reported));
}

ConfirmRule::State ConfirmRule::look(const Twin& twin, std::int64_t version) const {
    if (twin.desired.version() > version) {
        for (const auto& leaf : leaves_) {
            if (!leaf.value.is(find_at(twin.desired, leaf.desired))) return State::superseded;
        }
    }
    bool are_all_met = !leaves_.empty();
    for (const auto& leaf : leaves_) {
        if (by_acknowledgement_ && acknowledgement(twin, leaf, version) == Answer::no) return State::refused;
        are_all_met = are_all_met && is_met(twin, leaf, version);
    }
    return are_all_met ? State::converged : State::waiting;
}

std::string ConfirmRule::other_value(const Twin& twin, std::int64_t version, WallTime written) const {
    for (const auto& leaf : leaves_) {
        if (is_met(twin, leaf, version)) continue;
        const auto value = find_at(twin.reported, leaf.reported);
        if (value.kind == Kind::absent || value.last_updated < written) continue;
        const auto path = joined("properties.reported", leaf.reported);
        if (!by_acknowledgement_) return fmt::format("{} is {}", path, shown(value));
        const auto code = number_of(twin.reported, leaf.reported, "ac");
        const auto of = number_of(twin.reported, leaf.reported, "av");
        if (!code || !of) return fmt::format("{} is no acknowledgement", path);
        return fmt::format("{} acknowledges version {} with {}", path, static_cast<std::int64_t>(*of),
                           static_cast<std::int64_t>(*code));
    }
    return {};
}

}  // namespace carillon
