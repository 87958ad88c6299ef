#pragma once

#include "store/store.hpp"

#include <array>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace carillon {

/// A store that lives as long as the process, for tests and simulation. Safe from any thread.
///
/// A copy takes what is "on disk" at that moment: a test of a crash lets commits fail from the n-th
/// on, throws away everything above the store, and starts again on a copy.
class MemoryStore final : public Store {
public:
    MemoryStore();
    /// The durable state of `other`; neither its injected failures nor its count of commits.
    MemoryStore(const MemoryStore& other);
    MemoryStore& operator=(const MemoryStore&) = delete;

    Result<> commit(const Batch& batch) override;
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override;
    Result<> scan(Table table, std::string_view from, std::string_view to, const Visit& visit) const override;

    /// Refuses commits with `store_failed`, without applying them: the `nth` from now (1 is the
    /// next) and those after it, `count` in all. Replaces an earlier wish; `count` 0 takes it back.
    void fail_commits(std::uint64_t nth, std::uint64_t count = 1);
    static constexpr std::uint64_t every_later_one = std::numeric_limits<std::uint64_t>::max();
    /// Refuses every `get` and `scan` with `store_failed` while set.
    void fail_reads(bool fail);

    /// Commits that succeeded, and those refused by a wish of `fail_commits`.
    std::uint64_t commits() const;
    std::uint64_t refused() const;
    std::size_t size(Table table) const;  ///< Records in `table`.

private:
    using Records = std::map<std::string, std::string, std::less<>>;

    std::shared_ptr<const Records> records(Table table) const;

    mutable std::mutex mutex_;  ///< Guards all below.
    /// A commit copies a table that a scan still looks at, so what the scan sees never changes.
    std::array<std::shared_ptr<Records>, table_count> tables_;
    std::uint64_t commits_ = 0;
    std::uint64_t refused_ = 0;
    std::uint64_t fail_after_ = 0;  ///< Commits to let pass before refusing `fail_count_`.
    std::uint64_t fail_count_ = 0;
    bool fail_reads_ = false;
};

}  // namespace carillon
