#pragma once

#include "base/prefetch.hpp"
#include "core/shard/record.hpp"

#include <functional>
#include <memory>
#include <set>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace carillon {

/// The identities of one shard: by key, in key order, and by ordinal. One thread.
class Directory {
public:
    Directory();
    ~Directory();

    Record* find(const IdentityKey& key) const;
    Record* find(Ordinal ordinal) const;
    /// Asks for the first `bytes` of the record to be in the caches soon; harmless if there is none.
    void prefetch(Ordinal ordinal, std::size_t bytes) const {
        if (ordinal >= by_ordinal_.size()) return;
        carillon::prefetch(by_ordinal_[ordinal].get(), bytes);
    }
    /// The first record whose key is greater than `after`, or at least `from`; null at the end.
    Record* upper_bound(const IdentityKey& after) const;
    Record* lower_bound(const IdentityKey& from) const;
    Record* first() const;
    Record* next(const Record& record) const;

    /// Makes a record with the next ordinal; the key must be new.
    Record& add(IdentityKey key);
    /// The same for a record read from disk, which has its ordinal.
    Record& add(IdentityKey key, Ordinal ordinal);
    /// Gives no ordinal below this one any more, and makes room for as many records.
    void skip_to(Ordinal ordinal);
    /// Forgets the record and frees it.
    void remove(Record& record);

    std::size_t size() const { return ordered_.size(); }
    Ordinal next_ordinal() const { return static_cast<Ordinal>(by_ordinal_.size()); }

private:
    struct KeyHash {
        using is_transparent = void;
        std::size_t operator()(const IdentityKey& key) const;
        std::size_t operator()(const Record* record) const { return (*this)(record->key); }
    };
    struct KeyEqual {
        using is_transparent = void;
        bool operator()(const Record* a, const Record* b) const { return a->key == b->key; }
        bool operator()(const Record* a, const IdentityKey& b) const { return a->key == b; }
        bool operator()(const IdentityKey& a, const Record* b) const { return a == b->key; }
    };

    std::unordered_set<Record*, KeyHash, KeyEqual> by_key_;
    std::set<Record*, RecordKeyLess> ordered_;
    std::vector<std::unique_ptr<Record>> by_ordinal_;
};

}  // namespace carillon
