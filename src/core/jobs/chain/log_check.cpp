#include "core/jobs/chain/log_check.hpp"

#include "core/jobs/job_events.hpp"

#include <utility>

namespace carillon {

void LogCheck::fault(std::uint32_t part, std::uint64_t sequence, std::string what) {
    if (report_.faults.size() < faults_max) report_.faults.push_back({part, sequence, std::move(what)});
}

void LogCheck::add(std::string_view key, std::string_view value) {
    const auto part = part_of_event_key(key);
    const auto sequence = sequence_of_event_key(key);
    if (part != part_) head_ = {};
    part_ = part;
    ++report_.events;
    const auto chained = split_chained(as_bytes(value));
    if (!chained.hash) {
        // An older version began the log, or somebody wrote the event.
        if (report_.events == 1) {
            report_.is_chained = false;
            first_sequence_ = sequence;
        }
        if (report_.is_chained) fault(part, sequence, "the event has no hash");
        return;
    }
    if (!report_.is_chained) {
        report_.is_chained = true;
        fault(job_log_part, first_sequence_, "the event has no hash");
    }
    if (chain_hash(head_, key, chained.event) != *chained.hash)
        fault(part, sequence, "the event does not fit its hash and the event before it");
    head_ = *chained.hash;
    if (part == job_log_part) return add_own(sequence, value, *chained.hash);
    const auto found = sealed_.find({part, sequence});
    if (found == sealed_.end()) return;
    if (found->second != *chained.hash) fault(part, sequence, "the event is not the one that a seal holds");
    sealed_.erase(found);
}

void LogCheck::add_own(std::uint64_t sequence, std::string_view value, const Sha256Digest& hash) {
    is_sealed_ = false;
    const auto event = decode_job_log_event(as_bytes(value));
    if (!event) return fault(job_log_part, sequence, "the event cannot be read");
    const auto* seal = std::get_if<SealEvent>(&*event);
    if (seal == nullptr) return;
    ++report_.seals;
    report_.seal = hash;
    has_wanted_ |= wanted_ == hash;
    is_sealed_ = seal->is_final;
    if (seal->is_final) report_.previous = seal->previous;
    for (std::uint32_t part = 0; part < seal->heads.size(); ++part) {
        const auto& head = seal->heads[part];
        if (head.sequence == 0) continue;
        const auto [at, is_new] = sealed_.emplace(std::pair(part, head.sequence), head.hash);
        if (!is_new && at->second != head.hash)
            fault(part, head.sequence, "two seals hold different events of this number");
    }
}

LogReport LogCheck::finish() {
    if (report_.events == 0) report_.is_chained = false;
    if (!report_.is_chained) return std::move(report_);
    for (const auto& [place, hash] : sealed_)
        fault(place.first, place.second, "a seal holds this event, and it is not there");
    if (has_ended_ && !is_sealed_)
        fault(job_log_part, 0, "the job has ended, and its log not with a final seal");
    if (wanted_ && !has_wanted_) fault(job_log_part, 0, "no event of the log has the seal that was given");
    return std::move(report_);
}

}  // namespace carillon
