#include "core/shard/directory.hpp"

#include "base/result.hpp"
#include "core/shard/placement.hpp"

namespace carillon {

Directory::Directory() = default;
Directory::~Directory() = default;

std::size_t Directory::KeyHash::operator()(const IdentityKey& key) const {
    // Not the placement hash alone: its low bits are the same for all devices of a shard.
    const auto device = device_hash(key.device.str()) >> 8;
    return key.module.empty() ? device : device * 31 + device_hash(key.module);
}

Record* Directory::find(const IdentityKey& key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : *found;
}

Record* Directory::find(Ordinal ordinal) const {
    return ordinal < by_ordinal_.size() ? by_ordinal_[ordinal].get() : nullptr;
}

Record* Directory::upper_bound(const IdentityKey& after) const {
    const auto found = ordered_.upper_bound(after);
    return found == ordered_.end() ? nullptr : *found;
}

Record* Directory::lower_bound(const IdentityKey& from) const {
    const auto found = ordered_.lower_bound(from);
    return found == ordered_.end() ? nullptr : *found;
}

Record* Directory::first() const {
    return ordered_.empty() ? nullptr : *ordered_.begin();
}

Record* Directory::next(const Record& record) const {
    const auto after = std::next(record.place);
    return after == ordered_.end() ? nullptr : *after;
}

Record& Directory::add(IdentityKey key) {
    return add(std::move(key), next_ordinal());
}

Record& Directory::add(IdentityKey key, Ordinal ordinal) {
    if (by_ordinal_.size() <= ordinal) by_ordinal_.resize(ordinal + 1);
    CARILLON_ASSERT(!by_ordinal_[ordinal]);
    auto record = std::make_unique<Record>(std::move(key));
    record->ordinal = ordinal;
    Record& added = *record;
    by_ordinal_[ordinal] = std::move(record);
    CARILLON_ASSERT(by_key_.insert(&added).second);
    // What is loaded comes in order, and most fleets number their devices: try the end first.
    added.place = ordered_.insert(ordered_.end(), &added);
    return added;
}

void Directory::skip_to(Ordinal ordinal) {
    if (by_ordinal_.size() < ordinal) by_ordinal_.resize(ordinal);
    by_key_.reserve(ordinal);
}

void Directory::remove(Record& record) {
    by_key_.erase(&record);
    ordered_.erase(record.place);
    by_ordinal_[record.ordinal].reset();
}

}  // namespace carillon
