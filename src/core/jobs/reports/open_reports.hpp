#pragma once

#include <atomic>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>

namespace carillon {

/// Who reads the logs of a hub's jobs at the moment: each holds a part of one, or a job, in memory. Any thread.
class OpenReports {
public:
    std::atomic<std::size_t> readers{0};

    /// As long as it is there, the policy asks what would have become of a job.
    class Asker {
    public:
        Asker(OpenReports& reports, std::string policy);
        ~Asker();
        Asker(const Asker&) = delete;
        Asker& operator=(const Asker&) = delete;
        /// False if the policy asks already, or `asked_max` others do.
        bool may_ask() const { return may_ask_; }

    private:
        OpenReports& reports_;
        const std::string policy_;
        bool may_ask_ = false;
    };
    /// Ours: questions of one hub; of one policy, one.
    static constexpr std::size_t asked_max = 2;

private:
    std::mutex mutex_;              ///< Guards the member below.
    std::set<std::string> asking_;  ///< Policies.  Bound: asked_max
};

}  // namespace carillon
