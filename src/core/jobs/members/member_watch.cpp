#include "core/jobs/members/member_watch.hpp"

#include "core/jobs/members/part_members.hpp"

#include <algorithm>

namespace carillon {

MemberWatch::MemberWatch(Shard& shard) : shard_(shard) {}

MemberWatch::~MemberWatch() {
    shard_.remove_write_observer(*this);
}

void MemberWatch::open(JobSite& site, const std::shared_ptr<JobPart>& part) {
    auto members = std::make_shared<PartMembers>(site, part);
    parts_.insert_or_assign(part->job(), std::move(members));
    follow();
}

void MemberWatch::renew(std::uint64_t job) {
    if (const auto found = parts_.find(job); found != parts_.end()) found->second->renew();
}

void MemberWatch::drop(std::uint64_t job) {
    if (parts_.erase(job) > 0) follow();
}

/// Listens to what is needed now.
void MemberWatch::follow() {
    sources_.clear();
    bool has_conditions = false;
    for (const auto& [job, members] : parts_) {
        if (members->source() != 0) {
            sources_.push_back(members->source());
        } else {
            has_conditions = true;
        }
    }
    if (has_conditions) {
        shard_.add_write_observer(*this);
    } else {
        shard_.remove_write_observer(*this);
    }
}

bool MemberWatch::is_source(std::uint64_t job) const {
    return std::find(sources_.begin(), sources_.end(), job) != sources_.end();
}

void MemberWatch::moved(const JobPart& part, const PartState& state,
                        const std::vector<std::uint32_t>& indexes) {
    for (const auto& [job, members] : parts_) {
        if (members->source() != part.job()) continue;
        for (const auto index : indexes) {
            if (is_chosen(members->from(), state, index)) members->look_at(part.ordinal(index));
        }
    }
}

void MemberWatch::settled(Record& record) {
    for (const auto& [job, members] : parts_) {
        if (members->source() == 0) members->look_at(record.ordinal);
    }
}

void MemberWatch::removed(const Record& record) {
    for (const auto& [job, members] : parts_) members->removed(record);
}

void MemberWatch::stop() {
    shard_.remove_write_observer(*this);
    parts_.clear();
    sources_.clear();
}

}  // namespace carillon
