#pragma once

#include "cluster/owner_calls.hpp"
#include "core/jobs/job_mail.hpp"
#include "core/jobs/jobs.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>

namespace carillon {

/// Brings wishes and news of jobs to the nodes that own their shards. A wish says the epoch of the
/// coordinator that has it: its shard's, the first. Any thread.
class LinkMail final : public MailCarrier {
public:
    /// What has not left by then has been said again.
    static constexpr std::chrono::seconds patience{5};

    LinkMail(OwnerCalls& owners, ReadShardMap read_map) : owners_(owners), read_map_(std::move(read_map)) {}

    bool carries(std::size_t shard) const override { return !owners_.is_here(shard); }
    void carry_wish(std::size_t part, std::string wish) override;
    void carry_news(std::string news) override;

private:
    OwnerCalls& owners_;
    const ReadShardMap read_map_;
};

/// Gives what other nodes bring to the parts and the coordinator of this one, behind `OwnedCalls`. Wishes of
/// a coordinator are dropped once one with a higher epoch has spoken: late, its `discard` would erase what a
/// running job stands on. Any thread.
class MailCalls final : public CallService {
public:
    explicit MailCalls(Jobs& jobs) : jobs_(jobs) {}

    void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
              CallAnswer answer) override;

private:
    /// False for an epoch that is over.
    bool takes_wishes_of(std::int64_t epoch);

    Jobs& jobs_;
    std::atomic<std::int64_t> newest_epoch_{0};  ///< Of a coordinator that has spoken.
};

}  // namespace carillon
