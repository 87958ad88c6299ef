#include "model/rollouts/notify.hpp"

#include "base/text.hpp"
#include "model/rollouts/rollout_reader.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <cctype>

namespace carillon {
namespace {

bool is_endpoint_name(std::string_view name) {
    return !name.empty() && name.size() <= RolloutNotify::name_chars_max && name.front() != '.' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
           });
}

}  // namespace

RolloutNotify read_notify(RolloutReader& in, JsonValue value) {
    RolloutNotify notify;
    const JsonValue names = in.list(value, "rollout.notify", RolloutNotify::endpoints_max);
    for (JsonValue v = names.first(); v.exists() && in.ok(); v = v.next()) {
        const auto member = fmt::format("rollout.notify[{}]", notify.endpoints.size());
        if (!v.is_string() || !is_endpoint_name(v.string())) {
            in.refuse(member, "the name of an endpoint", v);
            break;
        }
        const auto is_same = [&](const auto& other) { return equals_ignoring_case(other, v.string()); };
        if (std::any_of(notify.endpoints.begin(), notify.endpoints.end(), is_same))
            in.refuse(member, "is named twice");
        notify.endpoints.emplace_back(v.string());
    }
    return notify;
}

RolloutNotify RolloutNotify::of(const Rollout& rollout) {
    // Most jobs have none, and each of their events asks.
    if (rollout.text.find("\"notify\"") == std::string::npos) return {};
    const auto document = JsonDocument::parse(rollout.text);
    if (!document) return {};
    RolloutReader in(JobType::update_twin);
    return read_notify(in, document->root().find("notify"));
}

}  // namespace carillon
