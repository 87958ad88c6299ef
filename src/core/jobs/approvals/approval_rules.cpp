#include "core/jobs/approvals/approval_rules.hpp"

#include "base/pack.hpp"
#include "core/jobs/job_record.hpp"

#include <fmt/core.h>

namespace carillon {

namespace {

constexpr std::string_view rules_from = "r";
constexpr std::string_view rules_to = "s";
constexpr std::uint8_t approval_format = 1;

std::string rule_key(std::string_view name) {
    return std::string(rules_from) + std::string(name);
}

}  // namespace

Result<> ApprovalRules::load() {
    Result<> outcome;
    const auto visit = [&](std::string_view key, std::string_view value) {
        auto rule = ApprovalRule::parse(key.substr(rules_from.size()), value);
        if (!rule) {
            outcome = fail(Errc::store_corrupt, "an approval rule does not read: " + rule.error().detail);
            return false;
        }
        auto name = rule->name;
        rules_.insert_or_assign(std::move(name), *std::move(rule));
        return true;
    };
    auto read = shard_.store().scan(Table::jobs, rules_from, rules_to, visit);
    return read ? outcome : fail(std::move(read).error());
}

std::vector<ApprovalRule> ApprovalRules::matching(const JobDefinition& definition,
                                                  std::uint64_t devices) const {
    std::vector<ApprovalRule> found;
    for (const auto& [name, rule] : rules_) {
        if (rule.matches(definition, devices)) found.push_back(rule);
    }
    return found;
}

std::vector<ApprovalRule> ApprovalRules::all() const {
    std::vector<ApprovalRule> found;
    for (const auto& [name, rule] : rules_) found.push_back(rule);
    return found;
}

std::optional<ApprovalRule> ApprovalRules::find(const std::string& name) const {
    const auto found = rules_.find(name);
    return found == rules_.end() ? std::nullopt : std::optional(found->second);
}

Task<Result<>> ApprovalRules::put(ApprovalRule rule) {
    if (rules_.size() >= ApprovalRule::count_max && !rules_.contains(rule.name)) {
        co_return fail(Errc::argument_invalid,
                       fmt::format("There are {} approval rules already, which is the most.", rules_.size()));
    }
    shard_.committer().batch().put(Table::jobs, rule_key(rule.name), rule.text);
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    auto name = rule.name;
    rules_.insert_or_assign(std::move(name), std::move(rule));
    co_return Result<>();
}

Task<Result<bool>> ApprovalRules::remove(std::string name) {
    if (!rules_.contains(name)) co_return false;
    shard_.committer().batch().erase(Table::jobs, rule_key(name));
    const auto written = co_await shard_.committer().durable();
    if (!written) co_return fail(Errc::service_unavailable, written.error().detail);
    rules_.erase(name);
    co_return true;
}

std::string job_approval_key(std::uint64_t job) {
    auto key = job_definition_key(job);
    key.front() = 'a';
    return key;
}

std::string encode_approval(const StoredApproval& approval) {
    std::string out;
    Packer pack(out);
    pack.u8(approval_format);
    pack.text(approval.creator);
    pack.text(approval.hash);
    pack.number(approval.given.size());
    for (const auto& actor : approval.given) {
        pack.text(actor.policy);
        pack.text(actor.says);
    }
    return out;
}

Result<StoredApproval> decode_approval(Bytes bytes) {
    Unpacker in(bytes);
    const bool is_known = in.u8() == approval_format;
    StoredApproval approval;
    approval.creator = in.text();
    approval.hash = in.text();
    const auto count = in.count();
    for (std::size_t i = 0; i < count && in.ok(); ++i) {
        JobActor actor;
        actor.policy = in.text();
        actor.says = in.text();
        approval.given.push_back(std::move(actor));
    }
    if (!is_known || !in.at_end()) return fail(Errc::store_corrupt, "the approval of a job does not decode");
    return approval;
}

}  // namespace carillon
