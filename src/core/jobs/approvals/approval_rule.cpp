#include "core/jobs/approvals/approval_rule.hpp"

#include "base/member_reader.hpp"
#include "base/text.hpp"
#include "model/rollouts/rollout_reader.hpp"
#include "model/rollouts/touched.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <initializer_list>

namespace carillon {

namespace {

Error bad_rule(std::string_view path, std::string_view what) {
    return {Errc::argument_invalid, fmt::format("{}: {}", path, what)};
}

Result<> know_members(JsonValue object, std::string_view path,
                      std::initializer_list<std::string_view> names) {
    for (JsonValue v = object.first(); v.exists(); v = v.next()) {
        if (std::find(names.begin(), names.end(), v.key()) == names.end())
            return fail(bad_rule(fmt::format("{}{}", path, describe_json_name(v)), "unknown member"));
    }
    return {};
}

Result<std::vector<std::string>> texts(JsonValue object, std::string_view path, std::string_view name) {
    std::vector<std::string> found;
    const JsonValue list = object.find(name);
    if (list.is_null_or_absent()) return found;
    const auto where = fmt::format("{}{}", path, name);
    if (!list.is_array() || list.size() == 0 || list.size() > ApprovalRule::entries_max)
        return fail(
            bad_rule(where, fmt::format("must be a list of 1 to {} texts", ApprovalRule::entries_max)));
    for (JsonValue v = list.first(); v.exists(); v = v.next()) {
        if (!v.is_string() || v.string().empty())
            return fail(bad_rule(fmt::format("{}[{}]", where, found.size()), "must be a text"));
        found.emplace_back(v.string());
    }
    return found;
}

Result<> read_when(JsonValue when, ApprovalRule& rule) {
    constexpr std::string_view path = "when.";
    if (auto known = know_members(when, path, {"devicesAbove", "touches", "methods", "lacks"}); !known)
        return known;
    if (const JsonValue above = when.find("devicesAbove"); !above.is_null_or_absent()) {
        const auto count = above.is_number() ? above.integer() : std::nullopt;
        if (!count || *count < 0) return fail(bad_rule("when.devicesAbove", "must be a number from 0"));
        rule.devices_above = static_cast<std::uint64_t>(*count);
    }
    auto touches = texts(when, path, "touches");
    if (!touches) return fail(std::move(touches).error());
    rule.touches = *std::move(touches);
    for (const auto& each : rule.touches) {
        if (each != "tags" && each != "properties.desired" && !is_rollout_path(each))
            return fail(bad_rule("when.touches", fmt::format("'{}' is not a path of a twin", each)));
    }
    auto methods = texts(when, path, "methods");
    if (!methods) return fail(std::move(methods).error());
    rule.methods = *std::move(methods);
    auto lacks = texts(when, path, "lacks");
    if (!lacks) return fail(std::move(lacks).error());
    for (const auto& each : *lacks) {
        if (each != "waves" && each != "stop") return fail(bad_rule("when.lacks", "takes waves and stop"));
        (each == "waves" ? rule.lacks_waves : rule.lacks_stop) = true;
    }
    return {};
}

}  // namespace

bool matches_pattern(std::string_view pattern, std::string_view text) {
    // Where the last star stands, and where in the text what follows it was tried.
    std::size_t at = 0;
    std::size_t in_text = 0;
    std::size_t star = std::string_view::npos;
    std::size_t tried = 0;
    while (in_text < text.size()) {
        if (at < pattern.size() && pattern[at] == '*') {
            star = at++;
            tried = in_text;
        } else if (at < pattern.size() && pattern[at] == text[in_text]) {
            ++at;
            ++in_text;
        } else if (star != std::string_view::npos) {
            at = star + 1;
            in_text = ++tried;
        } else {
            return false;
        }
    }
    while (at < pattern.size() && pattern[at] == '*') ++at;
    return at == pattern.size();
}

Result<ApprovalRule> ApprovalRule::parse(std::string_view name, std::string_view text) {
    ApprovalRule rule;
    rule.name = name;
    rule.text = text;
    if (text.size() > bytes_max)
        return fail(bad_rule("rule", fmt::format("takes at most {} bytes", bytes_max)));
    const auto document = JsonDocument::parse(text);
    if (!document) return fail(document.error());
    const JsonValue root = document->root();
    if (!root.is_object()) return fail(bad_rule("rule", "must be an object"));
    if (auto known = know_members(root, "", {"when", "approvals", "by"}); !known)
        return fail(std::move(known).error());
    const JsonValue when = root.find("when");
    if (!when.is_object())
        return fail(bad_rule("when", "must be an object; {} demands approval of every job"));
    if (auto read = read_when(when, rule); !read) return fail(std::move(read).error());
    if (const JsonValue count = root.find("approvals"); !count.is_null_or_absent()) {
        const auto number = count.is_number() ? count.integer() : std::nullopt;
        if (!number || *number < 1 || *number > std::int64_t{approvals_max})
            return fail(bad_rule("approvals", fmt::format("must be a number from 1 to {}", approvals_max)));
        rule.approvals = static_cast<std::uint32_t>(*number);
    }
    auto by = texts(root, "", "by");
    if (!by) return fail(std::move(by).error());
    rule.by = *std::move(by);
    return rule;
}

bool ApprovalRule::matches(const JobDefinition& definition, std::uint64_t devices) const {
    if (devices_above && devices <= *devices_above) return false;
    if (!touches.empty() && find_shared(touches, touched_by(definition)).empty()) return false;
    if (!methods.empty()) {
        if (!definition.method) return false;
        const auto is_meant = [&](const std::string& pattern) {
            return matches_pattern(pattern, definition.method->name);
        };
        if (std::none_of(methods.begin(), methods.end(), is_meant)) return false;
    }
    const auto* rollout = definition.rollout.get();
    if (lacks_waves && rollout && !rollout->waves.empty()) return false;
    return !(lacks_stop && rollout && !rollout->stop.empty());
}

bool ApprovalRule::takes(std::string_view policy) const {
    return by.empty() || std::any_of(by.begin(), by.end(), [policy](const auto& each) {
               return equals_ignoring_case(each, policy);
           });
}

bool JobApproval::has(std::string_view policy) const {
    return std::any_of(given.begin(), given.end(), [policy](const JobActor& actor) {
        return equals_ignoring_case(actor.policy, policy);
    });
}

std::uint32_t JobApproval::missing() const {
    std::uint32_t most = 0;
    for (const auto& rule : rules) {
        const auto count = static_cast<std::uint32_t>(std::count_if(
            given.begin(), given.end(), [&](const JobActor& actor) { return rule.takes(actor.policy); }));
        most = std::max(most, rule.approvals - std::min(rule.approvals, count));
    }
    return most;
}

bool JobApproval::is_complete() const {
    return missing() == 0;
}

}  // namespace carillon
