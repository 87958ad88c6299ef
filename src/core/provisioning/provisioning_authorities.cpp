// The authorities that enrollments name: few, kept in memory as groups are, written on the first shard.

#include "base/log.hpp"
#include "base/text.hpp"
#include "core/provisioning/provisioning.hpp"
#include "core/shard/committer.hpp"

#include <fmt/core.h>
#include <utility>

namespace carillon {

namespace {

auto no_authority() {
    return fail(Errc::generic_not_found, "There is no such authority.");
}

}  // namespace

std::vector<EnrollmentAuthority> Provisioning::authorities() const {
    std::vector<EnrollmentAuthority> all;  // Bound: EnrollmentLimits::authorities_max
    for (const auto& [lower_name, authority] : groups()->authorities) all.push_back(authority);
    return all;
}

Result<EnrollmentAuthority> Provisioning::find_authority(std::string_view name) const {
    const auto held = groups();
    const auto found = held->authorities.find(to_lower(name));
    if (found == held->authorities.end()) return no_authority();
    return found->second;
}

void Provisioning::lend(std::vector<EnrollmentAuthority> verified) {
    Authorities lent;
    for (EnrollmentAuthority& authority : verified) {
        std::string lower_name = to_lower(authority.name);
        lent.insert_or_assign(std::move(lower_name), std::move(authority));
    }
    Shards::post(shards_.first(), [this, lent = std::move(lent)]() mutable {
        Held next = *groups();
        next.lent = std::move(lent);
        replace(std::move(next));
    });
}

Task<Result<EnrollmentAuthority>> Provisioning::put_authority(std::string name, std::string certificate) {
    auto putting = put_authority_here(std::move(name), std::move(certificate));
    co_return co_await shards_.on(shards_.first(), std::move(putting));
}

Task<Result<EnrollmentAuthority>> Provisioning::put_authority_here(std::string name,
                                                                   std::string certificate) {
    Shard& shard = shards_.first();
    auto authority = EnrollmentAuthority::parse(name, certificate, shard.clock().wall_now());
    if (!authority) co_return fail(std::move(authority).error());
    const std::string lower_name = to_lower(name);
    const auto turn = co_await take_authority_turn();
    auto next = groups()->authorities;
    if (const auto held = next.find(lower_name); held != next.end()) authority->name = held->second.name;
    next.insert_or_assign(lower_name, *authority);
    if (next.size() > EnrollmentLimits::authorities_max) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("A hub has at most {} authorities.", EnrollmentLimits::authorities_max));
    }
    shard.committer().batch().put(Table::provisioning, authority_mark + lower_name, authority->encode());
    const auto saved = co_await shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    replace_authorities(std::move(next));
    log.info("authority written name={} sha256={}", authority->name, authority->certificate.sha256);
    co_return *std::move(authority);
}

Task<Result<>> Provisioning::remove_authority(std::string name) {
    auto removing = remove_authority_here(std::move(name));
    co_return co_await shards_.on(shards_.first(), std::move(removing));
}

Task<Result<>> Provisioning::remove_authority_here(std::string name) {
    Shard& shard = shards_.first();
    const std::string lower_name = to_lower(name);
    const auto turn = co_await take_authority_turn();
    auto next = groups()->authorities;
    if (next.erase(lower_name) == 0) co_return no_authority();
    for (const auto& [lower_id, group] : groups()->by_id) {
        if (!group.names_authority(lower_name)) continue;
        co_return fail(Errc::argument_invalid, fmt::format("The enrollment group {} names it.", group.id));
    }
    shard.committer().batch().erase(Table::provisioning, authority_mark + lower_name);
    const auto saved = co_await shard.committer().durable();
    if (!saved) co_return fail(unavailable(saved.error()));
    replace_authorities(std::move(next));
    log.info("authority removed name={}", name);
    co_return Result<>{};
}

}  // namespace carillon
