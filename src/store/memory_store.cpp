#include "store/memory_store.hpp"

#include <utility>

namespace carillon {

MemoryStore::MemoryStore() {
    for (auto& table : tables_) table = std::make_shared<Records>();
}

MemoryStore::MemoryStore(const MemoryStore& other) : Store() {
    const std::lock_guard lock(other.mutex_);
    for (std::size_t table = 0; table < table_count; ++table) {
        tables_[table] = std::make_shared<Records>(*other.tables_[table]);
    }
}

Result<> MemoryStore::commit(const Batch& batch) {
    const std::lock_guard lock(mutex_);
    if (fail_count_ > 0) {
        if (fail_after_ == 0) {
            if (fail_count_ != every_later_one) --fail_count_;
            ++refused_;
            return fail(Errc::store_failed, "commit refused as the test wishes");
        }
        --fail_after_;
    }
    for (const Batch::Op& op : batch.ops()) {
        std::shared_ptr<Records>& table = tables_[static_cast<std::size_t>(op.table)];
        if (table.use_count() > 1) table = std::make_shared<Records>(*table);
        switch (op.kind) {
            case Batch::Op::Kind::put:
                table->insert_or_assign(op.key, op.value);
                break;
            case Batch::Op::Kind::erase:
                table->erase(op.key);
                break;
            case Batch::Op::Kind::erase_range:
                if (op.key < op.value) {
                    table->erase(table->lower_bound(op.key), table->lower_bound(op.value));
                }
                break;
        }
    }
    ++commits_;
    return {};
}

Result<std::optional<std::string>> MemoryStore::get(Table table, std::string_view key) const {
    const std::lock_guard lock(mutex_);
    if (fail_reads_) return fail(Errc::store_failed, "read refused as the test wishes");
    const Records& records = *tables_[static_cast<std::size_t>(table)];
    const auto found = records.find(key);
    if (found == records.end()) return std::optional<std::string>();
    return std::optional<std::string>(found->second);
}

Result<> MemoryStore::scan(Table table, std::string_view from, std::string_view to,
                           const Visit& visit) const {
    std::shared_ptr<const Records> seen = records(table);
    if (!seen) return fail(Errc::store_failed, "read refused as the test wishes");
    for (auto at = seen->lower_bound(from); at != seen->end(); ++at) {
        if (!to.empty() && at->first >= to) break;
        if (!visit(at->first, at->second)) break;
    }
    const std::lock_guard lock(mutex_);  // orders our reading before the change that a commit may make
    seen.reset();
    return {};
}

std::shared_ptr<const MemoryStore::Records> MemoryStore::records(Table table) const {
    const std::lock_guard lock(mutex_);
    if (fail_reads_) return nullptr;
    return tables_[static_cast<std::size_t>(table)];
}

void MemoryStore::fail_commits(std::uint64_t nth, std::uint64_t count) {
    CARILLON_ASSERT(nth > 0);
    const std::lock_guard lock(mutex_);
    fail_after_ = nth - 1;
    fail_count_ = count;
}

void MemoryStore::fail_reads(bool fail) {
    const std::lock_guard lock(mutex_);
    fail_reads_ = fail;
}

std::uint64_t MemoryStore::commits() const {
    const std::lock_guard lock(mutex_);
    return commits_;
}

std::uint64_t MemoryStore::refused() const {
    const std::lock_guard lock(mutex_);
    return refused_;
}

std::size_t MemoryStore::size(Table table) const {
    const std::lock_guard lock(mutex_);
    return tables_[static_cast<std::size_t>(table)]->size();
}

}  // namespace carillon
