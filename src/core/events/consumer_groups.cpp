#include "core/events/consumer_groups.hpp"

#include "base/log.hpp"
#include "base/stored_number.hpp"
#include "base/text.hpp"
#include "core/shard/shards.hpp"

#include <fmt/core.h>
#include <algorithm>
#include <cctype>

namespace carillon {

namespace {

/// Of the keys of a log's groups.
std::string stored_prefix(std::uint32_t number) {
    return number == 0 ? "consumer-group/" : fmt::format("log-group/{}/", number);
}

/// The prefix with its last byte one higher.
std::string stored_end(std::string prefix) {
    ++prefix.back();
    return prefix;
}

/// Source: Azure Resource Manager naming rules, Microsoft.EventHub/namespaces/eventhubs/consumergroups.
Result<> check_name(std::string_view name) {
    const auto is_plain = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; };
    const auto is_allowed = [&](char c) { return is_plain(c) || c == '.' || c == '-' || c == '_'; };
    const bool is_good = !name.empty() && name.size() <= ConsumerGroups::name_bytes_max &&
                         std::all_of(name.begin(), name.end(), is_allowed) && is_plain(name.front()) &&
                         is_plain(name.back());
    if (is_good) return {};
    return fail(Errc::argument_invalid,
                fmt::format("The name of a consumer group has 1 to {} letters, digits, '.', '-' or '_', and "
                            "begins and ends with a letter or a digit.",
                            ConsumerGroups::name_bytes_max));
}

}  // namespace

ConsumerGroups::ConsumerGroups(Shards& shards, std::uint32_t number)
    : shards_(shards), prefix_(stored_prefix(number)) {}

std::string ConsumerGroups::stored_key(std::string_view name) const {
    return prefix_ + to_lower(name);
}

void ConsumerGroups::erase(Batch& batch, std::uint32_t number) {
    const std::string prefix = stored_prefix(number);
    batch.erase_range(Table::meta, prefix, stored_end(prefix));
}

Result<> ConsumerGroups::load() {
    std::vector<ConsumerGroup> groups{{std::string(default_name), WallTime()}};
    const auto visit = [&groups](std::string_view, std::string_view value) {
        ConsumerGroup group;
        group.created.ticks = read_be<std::int64_t>(value);
        group.name = value.substr(std::min<std::size_t>(sizeof group.created.ticks, value.size()));
        groups.push_back(std::move(group));
        return true;
    };
    auto scanned = shards_.first().store().scan(Table::meta, prefix_, stored_end(prefix_), visit);
    if (scanned) replace(std::move(groups));
    return scanned;
}

std::vector<ConsumerGroup> ConsumerGroups::all() const {
    const std::lock_guard lock(mutex_);
    return groups_;
}

std::optional<ConsumerGroup> ConsumerGroups::find(std::string_view name) const {
    for (const ConsumerGroup& group : all()) {
        if (equals_ignoring_case(group.name, name)) return group;
    }
    return std::nullopt;
}

void ConsumerGroups::replace(std::vector<ConsumerGroup> groups) {
    const std::lock_guard lock(mutex_);
    groups_ = std::move(groups);
}

/// Changes go to disk one after the other, so that each builds on what is there.
Task<> ConsumerGroups::take_turn() {
    while (is_changing_) (void)co_await shards_.first().committer().durable();
    is_changing_ = true;
}

Task<Result<ConsumerGroup>> ConsumerGroups::create_there(std::string name) {
    if (auto good = check_name(name); !good && !find(name)) co_return fail(std::move(good).error());
    co_await take_turn();
    const auto existing = find(name);
    auto groups = all();
    if (existing || groups.size() >= count_max) {
        is_changing_ = false;
        if (existing) co_return *existing;
        co_return fail(Errc::iot_hub_quota_exceeded,
                       fmt::format("A hub has at most {} consumer groups.", count_max));
    }
    const ConsumerGroup made{std::move(name), shards_.first().clock().wall_now()};
    std::string value;
    append_be(value, made.created.ticks);
    shards_.first().committer().batch().put(Table::meta, stored_key(made.name), value + made.name);
    const auto saved = co_await shards_.first().committer().durable();
    is_changing_ = false;
    if (!saved) co_return fail(unavailable(saved.error()));
    groups.push_back(made);
    std::sort(groups.begin(), groups.end(), [](const ConsumerGroup& a, const ConsumerGroup& b) {
        return to_lower(a.name) < to_lower(b.name);
    });
    replace(std::move(groups));
    log.info("consumer group made name={}", made.name);
    co_return made;
}

Task<Result<>> ConsumerGroups::remove_there(std::string name) {
    if (equals_ignoring_case(name, default_name)) {
        co_return fail(Errc::operation_not_allowed_in_current_state,
                       "The consumer group $Default cannot be removed.");
    }
    co_await take_turn();
    if (!find(name)) {
        is_changing_ = false;
        co_return fail(Errc::generic_not_found, fmt::format("There is no consumer group '{}'.", name));
    }
    shards_.first().committer().batch().erase(Table::meta, stored_key(name));
    const auto saved = co_await shards_.first().committer().durable();
    is_changing_ = false;
    if (!saved) co_return fail(unavailable(saved.error()));
    auto groups = all();
    std::erase_if(groups, [&](const ConsumerGroup& group) { return equals_ignoring_case(group.name, name); });
    replace(std::move(groups));
    log.info("consumer group removed name={}", name);
    co_return Result<>{};
}

Task<Result<ConsumerGroup>> ConsumerGroups::create(std::string name) {
    auto creating = create_there(std::move(name));
    co_return co_await shards_.on(shards_.first(), std::move(creating));
}

Task<Result<>> ConsumerGroups::remove(std::string name) {
    auto removing = remove_there(std::move(name));
    co_return co_await shards_.on(shards_.first(), std::move(removing));
}

}  // namespace carillon
