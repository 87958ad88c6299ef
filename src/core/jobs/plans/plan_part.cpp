#include "core/jobs/plans/plan_part.hpp"

#include "core/jobs/job_order.hpp"
#include "model/rollouts/touched.hpp"

#include <algorithm>
#include <utility>

namespace carillon {

PlanCounts& PlanCounts::operator+=(const PlanCounts& o) {
    devices += o.devices;
    online += o.online;
    disabled += o.disabled;
    unknown += o.unknown;
    no_ops += o.no_ops;
    changes += o.changes;
    too_large += o.too_large;
    return *this;
}

PlanLooker::PlanLooker(std::shared_ptr<const JobDefinition> definition, std::uint64_t seed)
    : definition_(std::move(definition)), seed_(seed) {
    if (!definition_->patch) return;
    overwritten_.emplace(*definition_->patch);
    auto written = patch_twin(Twin::fresh({}), *definition_->patch, {}, Notification::omit);
    if (written) own_ = overwritten_->text(written->twin);
}

void PlanLooker::look(Ordinal ordinal, std::string_view key, const Record* record) {
    auto& counts = part_.counts;
    ++counts.devices;
    part_.targets.add(ordinal, key);
    now_there_.clear();
    if (!record || !record->exists()) {
        ++counts.unknown;
    } else {
        const auto& method = definition_->method;
        const auto* link = record->link;
        if (link && (!method || link->takes_method(method->name) || link->will_take_method(method->name)))
            ++counts.online;
        if (record->committed->identity.status() == DeviceStatus::disabled) ++counts.disabled;
        if (overwritten_) look_at_twin(record->committed->twin);
    }
    draw(key, record);
}

void PlanLooker::look_at_twin(const Twin& twin) {
    const auto& patch = *definition_->patch;
    now_there_ = overwritten_->text(twin);
    if (now_there_.empty() || now_there_ == own_) {
        ++part_.counts.no_ops;
        return;
    }
    const auto fits = [](const Section& section, const std::optional<SectionPatch>& writes,
                         SectionKind kind) {
        return !writes || section.counted_bytes() + writes->text().size() <= section_bytes_max(kind);
    };
    // A write whose text fits beside what is there fits; of others the result is looked at.
    const bool surely_fits = fits(twin.tags, patch.tags, SectionKind::tags) &&
                             fits(twin.desired, patch.desired, SectionKind::desired);
    const bool is_too_large = !surely_fits && !patch_twin(twin, patch, {}, Notification::omit);
    ++(is_too_large ? part_.counts.too_large : part_.counts.changes);
}

/// Keeps those with the least hashes.
void PlanLooker::draw(std::string_view key, const Record* record) {
    auto& sample = part_.sample;
    const auto hash = order_hash(seed_, key);
    const auto by_hash = [](const PlanSample& a, const PlanSample& b) { return a.hash < b.hash; };
    if (sample.size() == PlanPart::sample_max) {
        if (hash >= sample.front().hash) return;
        std::pop_heap(sample.begin(), sample.end(), by_hash);
        sample.pop_back();
    }
    PlanSample drawn;
    drawn.hash = hash;
    const auto nul = key.find('\0');
    drawn.device_id = key.substr(0, nul);
    if (nul != key.npos) drawn.module_id = key.substr(nul + 1);
    if (record) drawn.overwrites = now_there_;
    sample.push_back(std::move(drawn));
    std::push_heap(sample.begin(), sample.end(), by_hash);
}

PlanComparison::PlanComparison(Shard& shard, PlanPart part, std::vector<std::shared_ptr<JobPart>> others,
                               std::vector<std::string> keys, Done done)
    : shard_(shard),
      part_(std::move(part)),
      others_(std::move(others)),
      keys_(std::move(keys)),
      done_(std::move(done)) {}

bool PlanComparison::step() {
    const auto enough = shard_.clock().now() + slice_max;
    while (other_ < others_.size()) {
        const auto& other = *others_[other_];
        for (std::uint32_t looked = 0; index_ < other.devices(); ++index_) {
            if (looked++ == looked_at_once) {
                if (shard_.clock().now() >= enough) return true;
                looked = 0;
            }
            // Ids that nobody has are not shared with anybody.
            const auto ordinal = other.ordinal(index_);
            if (ordinal != no_ordinal && !other.has_ended(index_) && part_.targets.has(ordinal, {}))
                ++shared_;
        }
        if (shared_ > 0) {
            const auto& definition = other.entry().definition();
            part_.collisions.push_back({definition.id, find_shared(keys_, touched_by(definition)), shared_});
        }
        shared_ = 0;
        index_ = 0;
        if (++other_ < others_.size() && shard_.clock().now() >= enough) return true;
    }
    done_(std::move(part_));
    return false;
}

}  // namespace carillon
