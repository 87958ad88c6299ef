#include "core/jobs/plans/plan_targets.hpp"

#include "base/pack.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_order.hpp"
#include "model/key_list.hpp"

#include <algorithm>

namespace carillon {

namespace {

constexpr unsigned word_bits = 64;

std::uint64_t hash_of_stranger(std::string_view key) {
    return order_hash(0, key);
}

}  // namespace

void PlanTargets::add(Ordinal ordinal, std::string_view key) {
    ++size_;
    if (ordinal == no_ordinal) {
        strangers_.push_back(hash_of_stranger(key));
        return;
    }
    const std::size_t word = ordinal / word_bits;
    if (word >= bits_.size()) bits_.resize(word + 1);
    bits_[word] |= std::uint64_t{1} << ordinal % word_bits;
}

bool PlanTargets::has(Ordinal ordinal, std::string_view key) const {
    if (ordinal == no_ordinal)
        return std::binary_search(strangers_.begin(), strangers_.end(), hash_of_stranger(key));
    const std::size_t word = ordinal / word_bits;
    return word < bits_.size() && (bits_[word] >> ordinal % word_bits & 1) != 0;
}

void PlanTargets::close() {
    std::sort(strangers_.begin(), strangers_.end());
    bits_.shrink_to_fit();
    strangers_.shrink_to_fit();
}

void PlanTargets::pack(std::string& out) const {
    Packer pack(out);
    pack.number(size_);
    for (const auto* words : {&bits_, &strangers_}) {
        pack.number(words->size());
        for (const auto word : *words) pack.time(WallTime{static_cast<std::int64_t>(word)});
    }
}

Result<PlanTargets> PlanTargets::unpack(Bytes bytes) {
    Unpacker in(bytes);
    PlanTargets targets;
    targets.size_ = in.number();
    for (auto* words : {&targets.bits_, &targets.strangers_}) {
        const auto count = in.count();
        for (std::size_t i = 0; i < count && in.ok(); ++i)
            words->push_back(static_cast<std::uint64_t>(in.time().ticks));
    }
    if (!in.ok() || !in.at_end()) return fail(Errc::store_corrupt, "the devices of a plan");
    return targets;
}

}  // namespace carillon
