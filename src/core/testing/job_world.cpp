#include "core/testing/job_world.hpp"

#include "base/text.hpp"
#include "core/jobs/approvals/approval_rule.hpp"
#include "core/jobs/budgets/job_budgets.hpp"
#include "core/jobs/plans/job_plans.hpp"
#include "model/rollouts/members.hpp"
#include "model/rollouts/plan_ref.hpp"
#include "model/rollouts/rollout_confirm.hpp"
#include "model/rollouts/start_after.hpp"
#include "model/rollouts/supersede.hpp"

#include <algorithm>

namespace carillon::testing {

JobWorld::JobWorld(JobEngineLimits limits, std::size_t shards, std::optional<std::uint64_t> lossy_seed)
    : limits_(limits), shards_(shards) {
    if (lossy_seed) limits_.fate = &mail.emplace(clock, *lossy_seed);
    start();
}

// --- the process ---------------------------------------------------------------------------------

void JobWorld::start() {
    hub.emplace(store, clock, shards_, limits_);
    EventSources sources;
    sources.add(EventSource::job_lifecycle);
    for (std::size_t i = 0; i < shards_; ++i)
        (*hub)->shards()[i].telemetry().hub_events().set_sources(sources);
}

void JobWorld::crash() {
    note_answers();
    hub.reset();
    if (mail) mail->clear();
    links_.clear();
    dead_links_.clear();
    connections_.clear();
    put_off_.clear();
    commits_left_ = SIZE_MAX;
    freezing_.reset();
    thawing_.reset();
    // What was not answered may hold or not.
    if (capping_ || uncapping_) cap_.reset();
    counting_.reset();
    capping_.reset();
    uncapping_.reset();
    for (auto& plan : plans) plan.planning.reset();
    for (auto& job : jobs) {
        // Whoever asked gets no answer any more.
        job.creating.reset();
        job.cancelling.reset();
        job.pausing.reset();
    }
    store.fail_commits(1, 0);
    start();
}

void JobWorld::die_after(std::size_t commits, bool is_heard) {
    commits_left_ = commits;
    is_heard_ = is_heard;
}

void JobWorld::poll() {
    if (mail) mail->deliver();
    hub->poll();
    note_answers();
}

bool JobWorld::step_storage() {
    if (commits_left_ == 0 && is_heard_) throw Crash{};
    const auto commits = store.commits();
    if (!hub->storage().step()) return false;
    if (store.commits() > commits && commits_left_ != SIZE_MAX) --commits_left_;
    if (commits_left_ == 0 && !is_heard_) throw Crash{};
    return true;
}

void JobWorld::settle() {
    do {
        poll();
    } while (step_storage() || (mail && mail->deliver()));
}

void JobWorld::advance(std::chrono::milliseconds by) {
    clock.advance(by);
    for (std::size_t i = 0; i < shards_; ++i) (*hub)->shards()[i].timers().run_due(clock.now());
    poll();
}

// --- devices -------------------------------------------------------------------------------------

void JobWorld::add_device(const std::string& id) {
    const auto key = *IdentityKey::parse(id);
    auto added = hub->begin((*hub)->shards().owner(key.device).put_identity(key, "{}", EtagMatch{}));
    settle();
    ASSERT_TRUE(*added) << "the hub has not answered";
    // A commit that the store was told to refuse is the one reason: the device is registered later.
    if (!**added) {
        EXPECT_EQ((*added)->error().code, Errc::service_unavailable);
    }
    devices.insert(id);
}

void JobWorld::remove_device(const std::string& id) {
    if (!exists(id)) return;
    recreated.insert(id);
    const auto key = *IdentityKey::parse(id);
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    auto removed = hub->begin((*hub)->shards().owner(key.device).remove_identity(key, any));
    settle();
    if (!hub->find(id)) {
        if (auto link = links_.extract(id)) dead_links_.push_back(std::move(link.mapped()));
        connections_.erase(id);
    }
}

void JobWorld::connect(const std::string& id, Manner manner, int status) {
    if (is_connected(id) || !exists(id)) return;
    const auto number = ++last_connection_;
    auto link = std::make_unique<FakeLink>();
    link->on_method = [this, id, number, manner, status](const FakeLink::Call& call) {
        asked(id, number, manner, status, call);
    };
    Record& record = *hub->find(id);
    auto& shard = (*hub)->shards().owner(record.key.device);
    connections_[id] = number;
    shard.attach(record, *link);
    links_[id] = std::move(link);
    shard.method_subscriptions_changed(record);
}

void JobWorld::disconnect(const std::string& id) {
    auto link = links_.extract(id);
    if (!link) return;
    connections_.erase(id);
    if (Record* record = hub->find(id))
        (*hub)->shards().owner(record->key.device).detach(*record, *link.mapped());
    dead_links_.push_back(std::move(link.mapped()));
}

void JobWorld::asked(const std::string& device, std::uint64_t connection, Manner manner, int status,
                     const FakeLink::Call& call) {
    const auto json = JsonDocument::parse(call.payload);
    ASSERT_TRUE(json);
    const std::pair<std::string, std::string> place(json->root().find("job").string(), device);
    const auto* job = find_job(place.first);
    ASSERT_TRUE(job);
    EXPECT_LE(++sent_[place], job->attempts_max) << place.first << " was sent too often to " << device;
    EXPECT_FALSE(job->is_pause_acknowledged) << place.first << " begins though it is paused";
    EXPECT_FALSE(is_frozen_) << place.first << " begins though all jobs are held";
    if (job->supersedes) calls_[device].push_back(job->id);
    if (manner == Manner::keeps_silent) return;
    answers_[place] = status;
    if (manner == Manner::answers) return reply(device, call.id, status);
    put_off_.push_back({device, connection, call.id, status});
}

void JobWorld::reply(const std::string& device, std::uint16_t request, int status) {
    Record* record = hub->find(device);
    if (record)
        (*hub)
            ->shards()
            .owner(record->key.device)
            .methods()
            .answered(*record, request, status, R"({"ok":true})");
}

bool JobWorld::answer_one() {
    if (put_off_.empty()) return false;
    const auto request = put_off_.front();
    put_off_.pop_front();
    const auto at = connections_.find(request.device);
    if (at != connections_.end() && at->second == request.connection) {
        reply(request.device, request.id, request.status);
    }
    return true;
}

void JobWorld::write_tag(const std::string& id) {
    if (!exists(id)) return;
    OtherWrite write{id, fmt::format("w{}", other_writes_.size()), false, std::make_shared<bool>(false)};
    const auto body = fmt::format(R"({{"tags":{{"{}":1}}}})", write.name);
    const auto json = JsonDocument::parse(body);
    const auto key = *IdentityKey::parse(id);
    auto patch = TwinPatch::parse(json->root(), key);
    ASSERT_TRUE(patch);
    const auto note = [](Task<Result<Document>> writing,
                         std::shared_ptr<bool> is_acknowledged) -> Task<bool> {
        const auto written = co_await std::move(writing);
        *is_acknowledged = written.has_value();
        co_return true;
    };
    auto& shard = (*hub)->shards().owner(key.device);
    auto writing = shard.write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{});
    hub->begin(note(std::move(writing), write.is_acknowledged));
    other_writes_.push_back(std::move(write));
}

void JobWorld::report(const std::string& id) {
    write_reported(id, fmt::format("r{}", other_writes_.size()), 1);
}

void JobWorld::comply(const std::string& id, const std::string& job, bool is_right) {
    for (const auto& write : other_writes_) {
        if (write.device == id && write.name == job) return;
    }
    write_reported(id, job, is_right ? 1 : 2);
}

void JobWorld::write_reported(const std::string& id, const std::string& name, int value) {
    if (!exists(id)) return;
    OtherWrite write{id, name, true, std::make_shared<bool>(false)};
    const auto body = fmt::format(R"({{"{}":{}}})", write.name, value);
    const auto json = JsonDocument::parse(body);
    const auto patch = SectionPatch::parse(json->root());
    ASSERT_TRUE(patch);
    Record& record = *hub->find(id);
    (*hub)
        ->shards()
        .owner(record.key.device)
        .write_reported(record, *patch, std::nullopt,
                        [is_acknowledged = write.is_acknowledged](const Result<std::int64_t>& result) {
                            *is_acknowledged = result.has_value();
                        });
    other_writes_.push_back(std::move(write));
}

// --- jobs ----------------------------------------------------------------------------------------

std::string JobWorld::request_of(const std::string& id, JobType type, const std::string& choice,
                                 std::int64_t start_in_s, std::int64_t execution_s, int timeout_s,
                                 const std::string& rollout) {
    const auto order =
        type == JobType::device_method
            ? fmt::format(R"("type":"scheduleDeviceMethod","cloudToDeviceMethod":{{"methodName":"m",)"
                          R"("payload":{{"job":"{}"}},"{}":{}}})",
                          id, choice.front() == '"' ? "timeoutInSeconds" : "responseTimeoutInSeconds",
                          timeout_s)
            : fmt::format(R"("type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","tags":{{"{0}":1}},)"
                          R"("properties":{{"desired":{{"{0}":1}}}}}})",
                          id);
    // A choice that begins with a quote is a list of ids, else it is a condition.
    const bool is_list = choice.front() == '"';
    return fmt::format(R"({{{},{},"startTime":"{}","maxExecutionTimeInSeconds":{}{}}})", order,
                       is_list ? fmt::format(R"("deviceIds":[{}])", choice)
                               : fmt::format(R"("queryCondition":"{}")", choice),
                       to_iso8601(clock.wall_now().plus_s(start_in_s)), execution_s,
                       rollout.empty() ? "" : R"(,"rollout":)" + rollout);
}

void JobWorld::create(const std::string& id, JobType type, const std::string& choice, std::int64_t start_in_s,
                      std::int64_t execution_s, int timeout_s, const std::string& rollout) {
    const auto body = request_of(id, type, choice, start_in_s, execution_s, timeout_s, rollout);
    auto definition =
        parse_job(id, body, clock.wall_now(), choice.front() == '"' ? Flavour::preview : Flavour::ga);
    ASSERT_TRUE(definition) << body;
    watch_job(id, *definition);
    jobs.back().creating = hub->begin((*hub)->jobs().create(*std::move(definition)));
}

void JobWorld::watch_job(const std::string& id, const JobDefinition& definition) {
    WatchedJob job;
    job.id = id;
    job.type = definition.type;
    if (const auto& policy = definition.rollout) {
        job.has_rollout = true;
        if (policy->retry) job.attempts_max = static_cast<int>(policy->retry->attempts);
        if (policy->pace.max_in_flight) job.cap = policy->pace.max_in_flight->count;
        job.confirms = RolloutConfirm::of(*policy).has_value();
        job.undoes = policy->undo_of;
        job.undoes_itself = policy->text.find(R"("undo")") != std::string::npos;
        job.supersedes = RolloutSupersede::of(*policy).has_value();
        job.is_planned = RolloutPlanRef::of(*policy).has_value();
        job.is_continuous = RolloutMembers::of(*policy).is_continuous;
        job.takes_all = job.is_continuous && !policy->from && definition.condition == "*";
        if (const auto after = RolloutStartAfter::of(*policy)) {
            job.after = after->job;
            job.after_ended = static_cast<int>(after->pass.ended.hundredths / 100);
        }
    }
    jobs.push_back(std::move(job));
}

void JobWorld::undo(const std::string& id, const std::string& source) {
    const auto* of = find_job(source);
    if (!of || of->type != JobType::update_twin || !of->undoes.empty() || of->undoes_itself) return;
    for (const auto& job : jobs) {
        if (job.undoes == source) return;
    }
    const auto now = (*hub)->jobs().snapshot(source);
    if (!now || !is_terminal(now->status)) return;
    const auto body = fmt::format(
        R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*"}},"rollout":{{"undoOf":"{}","deadline":"60s"}}}})",
        source);
    auto definition = parse_job(id, body, clock.wall_now());
    ASSERT_TRUE(definition) << body;
    watch_job(id, *definition);
    jobs.back().creating = hub->begin((*hub)->jobs().create(*std::move(definition)));
}

void JobWorld::plan(const std::string& id, JobType type, const std::string& choice,
                    const std::string& rollout) {
    auto body = request_of(id, type, choice, 0, 60, 10, rollout);
    // The start is that of the job which carries the plan out.
    const auto start = body.find(R"("startTime")");
    body.erase(start, body.find(',', start) + 1 - start);
    auto definition = parse_job(id, body, clock.wall_now());
    ASSERT_TRUE(definition) << body;
    WatchedPlan plan;
    plan.job = id;
    plan.type = type;
    plan.planning = hub->begin((*hub)->jobs().plan(*std::move(definition), body));
    plans.push_back(std::move(plan));
}

void JobWorld::apply(WatchedPlan& plan, const std::string& drift) {
    if (plan.is_used || !plan.planning || !plan.planning->has_value() || !**plan.planning) return;
    const auto planned = hub->run((*hub)->jobs().find_plan(***plan.planning));
    if (!planned || !planned->is_done || planned->refused) return;
    const auto wanted = fmt::format(R"({{"rollout":{{"plan":{{"id":"{}","hash":"{}","drift":"{}"}}}}}})",
                                    planned->id, planned->hash, drift);
    const auto request = JsonDocument::parse(wanted);
    const auto document = JsonDocument::parse(planned->document);
    ASSERT_TRUE(request && document);
    const auto body = planned_request(document->root(), request->root(), plan.job);
    auto definition = parse_job(plan.job, body, clock.wall_now());
    ASSERT_TRUE(definition) << body;
    plan.is_used = true;
    watch_job(plan.job, *definition);
    jobs.back().creating = hub->begin((*hub)->jobs().create(*std::move(definition)));
}

void JobWorld::demand_approval(int devices_above) {
    auto rule =
        ApprovalRule::parse("rule", fmt::format(R"({{"when":{{"devicesAbove":{}}}}})", devices_above));
    ASSERT_TRUE(rule);
    ASSERT_TRUE(hub->run((*hub)->jobs().put_approval_rule(*std::move(rule))));
}

void JobWorld::decide(const std::string& id, bool is_approval, const std::string& policy) {
    auto* job = find_job(id);
    const auto progress = (*hub)->jobs().progress(id);
    if (!job || !progress || !progress->approval) return;
    job->is_approval_tried |= is_approval;
    JobActor by;
    by.policy = policy;
    hub->begin((*hub)->jobs().decide(id, is_approval, progress->approval->hash, by, "dice"));
}

void JobWorld::cancel(const std::string& id) {
    for (auto& job : jobs) {
        if (job.id == id && !job.cancelling) job.cancelling = hub->begin((*hub)->jobs().cancel(id));
    }
}

WatchedJob* JobWorld::find_job(const std::string& id) {
    for (auto& job : jobs) {
        if (job.id == id) return &job;
    }
    return nullptr;
}

void JobWorld::direct(const std::string& id, JobWish wish) {
    auto* job = find_job(id);
    if (!job) return;
    // What else is asked for may let devices begin again, whatever becomes of the asking.
    if (wish.what == JobWish::pause && job->pausing) return;
    const bool is_pause = wish.what == JobWish::pause;
    if (wish.what == JobWish::close) job->is_closed = true;
    if (!is_pause) {
        job->is_pause_acknowledged = false;
        job->pausing.reset();
    }
    auto asked = hub->begin((*hub)->jobs().direct(id, std::move(wish)));
    if (is_pause) job->pausing = std::move(asked);
}

void JobWorld::freeze(bool is_frozen) {
    if (freezing_ || thawing_) return;
    if (is_frozen) {
        auto budget = JobBudget::parse("freeze", R"({"max":0})");
        ASSERT_TRUE(budget);
        freezing_ = hub->begin((*hub)->jobs().put_budget(*std::move(budget)));
    } else {
        is_frozen_ = false;
        thawing_ = hub->begin((*hub)->jobs().remove_budget("freeze"));
    }
}

void JobWorld::cap(std::uint32_t max) {
    if (capping_ || uncapping_) return;
    cap_.reset();
    counting_.reset();
    wanted_cap_ = max;
    if (max == 0) {
        uncapping_ = hub->begin((*hub)->jobs().remove_budget("cap"));
        return;
    }
    auto budget =
        JobBudget::parse("cap", fmt::format(R"({{"max":{},"jobs":"methods","soak":"{}s"}})", max, max % 3));
    ASSERT_TRUE(budget);
    capping_ = hub->begin((*hub)->jobs().put_budget(*std::move(budget)));
}

/// Devices that a method job has called, as far as rows show it.
std::uint64_t JobWorld::devices_at_work() {
    std::uint64_t sum = 0;
    for (const auto& job : jobs) {
        const auto now = (*hub)->jobs().snapshot(job.id);
        if (job.type == JobType::device_method && now && now->counts) sum += now->counts->running;
    }
    return sum;
}

/// A budget is exceeded at no instant.
void JobWorld::check_cap() {
    if (!cap_ || devices_at_work() <= *cap_) return;
    // Two jobs may be at work on one device, which counts once.
    std::set<std::string> working;
    for (const auto& job : jobs) {
        if (job.type != JobType::device_method || !(*hub)->jobs().snapshot(job.id)) continue;
        for (const auto& row : rows(job.id)) {
            // A device that was removed counts no more, and its row ends a moment later.
            if (row.status == DeviceJobStatus::running && !recreated.contains(row.device_id))
                working.insert(row.device_id);
        }
    }
    EXPECT_LE(working.size(), *cap_) << "more devices are at work than the budget lets";
}

/// Devices that twin jobs have written, and that have not failed since.
std::uint64_t JobWorld::begun_twins() {
    std::uint64_t begun = 0;
    for (const auto& job : jobs) {
        const auto now = (*hub)->jobs().snapshot(job.id);
        if (job.type == JobType::update_twin && now && now->counts)
            begun += now->counts->succeeded + now->counts->running;
    }
    return begun;
}

void JobWorld::note_answers() {
    if (freezing_ && freezing_->has_value()) {
        watch_undos();  // What they have begun so far counts.
        is_frozen_ = (*freezing_)->has_value();
        begun_when_frozen_ = begun_twins();
        freezing_.reset();
    }
    if (thawing_ && thawing_->has_value()) thawing_.reset();
    if (capping_ && capping_->has_value()) {
        // More may have been at risk before, also between two attempts.
        if ((*capping_)->has_value()) counting_ = hub->begin((*hub)->jobs().budgets());
        capping_.reset();
    }
    if (counting_ && counting_->has_value()) {
        for (const auto& budget : **counting_) {
            if (budget.name == "cap") cap_ = std::max<std::uint64_t>(wanted_cap_, budget.at_risk);
        }
        counting_.reset();
    }
    if (uncapping_ && uncapping_->has_value()) uncapping_.reset();
    for (auto& job : jobs) {
        if (job.pausing && job.pausing->has_value()) {
            if (**job.pausing) {
                job.is_pause_acknowledged = true;
                const auto now = (*hub)->jobs().snapshot(job.id);
                if (now && now->counts) job.begun_when_paused = now->counts->succeeded + now->counts->running;
            }
            job.pausing.reset();
        }
        if (job.creating && job.creating->has_value()) {
            if (**job.creating) job.is_acknowledged = true;
            job.creating.reset();
        }
        if (job.cancelling && job.cancelling->has_value()) {
            const auto& answer = **job.cancelling;
            if (answer) {
                EXPECT_EQ(answer->status, JobStatus::cancelled);
                job.is_cancel_acknowledged = true;
            }
            job.cancelling.reset();
        }
    }
}

}  // namespace carillon::testing
