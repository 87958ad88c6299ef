// What the coordinator tells the parts of a job, and hears from them.

#include "core/jobs/job_coordinator.hpp"
#include "core/jobs/placing.hpp"

#include <utility>

namespace carillon {

void JobCoordinator::wish(const Active& job, std::size_t part, decltype(PartWish::what) what) {
    mail_.wish(part, PartWish{job.entry->number(), job.life.attempt(), std::move(what)});
}

void JobCoordinator::wish(const Active& job, const decltype(PartWish::what)& what) {
    for (std::size_t i = 0; i < job_shards_.size(); ++i) wish(job, i, what);
}

void JobCoordinator::wish_again() {
    if (!is_open_ || !mail_.may_lose()) return;
    for (const auto& [number, job] : active_) {
        for (std::size_t i = 0; i < job_shards_.size(); ++i) {
            if (job.life.is_waiting_for(i)) wish_again(job, i);
        }
    }
    for (const auto& [number, discarding] : discarding_) {
        for (const auto part : discarding.parts)
            mail_.wish(part, PartWish{number, discarding.attempt, PartWish::Discard{}});
    }
    after(again_interval, [this] { wish_again(); });
}

void JobCoordinator::wish_again(const Active& job, std::size_t part) {
    switch (job.life.phase()) {
        case JobPhase::evaluating:
            if (job.placing && job.placing->is_placing) {
                wish(job, part, PartWish::Place{job.placing->places[part]});
            } else if (job.preparing && !(job.placing && job.placing->has_told[part])) {
                wish(job, part, job.preparing->for_part(part));
            }
            break;
        case JobPhase::running:
        case JobPhase::cancelling:
            if (job.run && job.run->has_begun)
                wish(job, part,
                     PartWish::Obey{job.run->orders_for(part, job.life.started(), deadline_of(job))});
            wish(job, part, PartWish::Begin{});
            if (job.life.phase() == JobPhase::cancelling) wish(job, part, PartWish::Cancel{});
            if (job.run) wish(job, part, PartWish::Permit{job.run->gate.granted(part)});
            break;
        default:
            break;
    }
}

void JobCoordinator::discard(const Active& job) {
    wish(job, PartWish::Discard{});
    if (!mail_.may_lose()) return;
    auto& discarding = discarding_[job.entry->number()];
    discarding.attempt = job.life.attempt();
    for (std::size_t i = 0; i < job_shards_.size(); ++i) discarding.parts.insert(i);
}

void JobCoordinator::receive(PartNews news) {
    const auto number = news.job;
    const auto part = news.part;
    if (part >= job_shards_.size()) return;
    if (auto* found = std::get_if<PartNews::Prepared>(&news.what)) {
        prepared(number, found->attempt, part, std::move(found->found));
    } else if (const auto* stored = std::get_if<PartNews::Placed>(&news.what)) {
        placed(number, stored->attempt, part, stored->stored);
    } else if (const auto* discarded = std::get_if<PartNews::Discarded>(&news.what)) {
        const auto left = discarding_.find(number);
        if (left == discarding_.end() || left->second.attempt != discarded->attempt) return;
        left->second.parts.erase(part);
        if (left->second.parts.empty()) discarding_.erase(left);
    } else if (const auto* finished = std::get_if<PartNews::Finished>(&news.what)) {
        if (finished->last) reported(number, *finished->last);
        happen(number, [this, part](Active& job) { return job.life.part_finished(part, now()); });
    } else {
        reported(number, std::get<GateReport>(news.what));
    }
}

}  // namespace carillon
