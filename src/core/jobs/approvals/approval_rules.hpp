#pragma once

#include "core/jobs/approvals/approval_rule.hpp"
#include "core/shard/shards.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace carillon {

/// The approval rules of a hub. Lives on shard 0; all members are for its thread.
class ApprovalRules {
public:
    explicit ApprovalRules(Shards& shards) : shard_(shards.first()) {}

    /// Reads what is stored. Before the threads run.
    Result<> load();
    bool is_empty() const { return rules_.empty(); }
    /// Those that demand an approval of the job, over so many devices.
    std::vector<ApprovalRule> matching(const JobDefinition& definition, std::uint64_t devices) const;

    std::vector<ApprovalRule> all() const;
    std::optional<ApprovalRule> find(const std::string& name) const;
    /// Answers when it is durable. Fails with `argument_invalid` where there are too many, and with
    /// `service_unavailable`.
    Task<Result<>> put(ApprovalRule rule);
    /// False if there is none.
    Task<Result<bool>> remove(std::string name);

private:
    Shard& shard_;
    std::map<std::string, ApprovalRule> rules_;  ///< Bound: ApprovalRule::count_max
};

/// What is stored of the approval of a job that was accepted while the hub had rules, in `Table::jobs`.
struct StoredApproval {
    std::string creator;  ///< Its policy.
    std::string hash;     ///< What was approved; empty as long as nothing was.
    std::vector<JobActor> given;
};
std::string job_approval_key(std::uint64_t job);
std::string encode_approval(const StoredApproval& approval);
/// Fails with `store_corrupt`.
Result<StoredApproval> decode_approval(Bytes bytes);

}  // namespace carillon
