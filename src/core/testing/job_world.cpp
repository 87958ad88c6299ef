#include "core/testing/job_world.hpp"

#include "base/text.hpp"
#include "core/jobs/chain/job_verifier.hpp"
#include "model/rollout_confirm.hpp"

#include <algorithm>

namespace carillon::testing {

JobWorld::JobWorld(JobEngineLimits limits, std::size_t shards) : limits_(limits), shards_(shards) {
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
    links_.clear();
    dead_links_.clear();
    connections_.clear();
    put_off_.clear();
    commits_left_ = SIZE_MAX;
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
    } while (step_storage());
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

void JobWorld::create(const std::string& id, JobType type, const std::string& choice, std::int64_t start_in_s,
                      std::int64_t execution_s, int timeout_s, const std::string& rollout) {
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
    const auto body = fmt::format(R"({{{},{},"startTime":"{}","maxExecutionTimeInSeconds":{}{}}})", order,
                                  is_list ? fmt::format(R"("deviceIds":[{}])", choice)
                                          : fmt::format(R"("queryCondition":"{}")", choice),
                                  to_iso8601(clock.wall_now().plus_s(start_in_s)), execution_s,
                                  rollout.empty() ? "" : R"(,"rollout":)" + rollout);
    auto definition = parse_job(id, body, clock.wall_now(), is_list ? Flavour::preview : Flavour::ga);
    ASSERT_TRUE(definition) << body;
    WatchedJob job;
    job.id = id;
    job.type = type;
    if (const auto& policy = definition->rollout) {
        job.has_rollout = true;
        if (policy->retry) job.attempts_max = static_cast<int>(policy->retry->attempts);
        if (policy->pace.max_in_flight) job.cap = policy->pace.max_in_flight->count;
        job.confirms = RolloutConfirm::of(*policy).has_value();
    }
    job.creating = hub->begin((*hub)->jobs().create(*std::move(definition)));
    jobs.push_back(std::move(job));
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
    if (!is_pause) {
        job->is_pause_acknowledged = false;
        job->pausing.reset();
    }
    auto asked = hub->begin((*hub)->jobs().direct(id, std::move(wish)));
    if (is_pause) job->pausing = std::move(asked);
}

void JobWorld::note_answers() {
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

// --- promises ------------------------------------------------------------------------------------

void JobWorld::check() {
    note_answers();
    for (auto& job : jobs) {
        const auto now = (*hub)->jobs().snapshot(job.id);
        if (!now) {
            EXPECT_FALSE(job.is_acknowledged) << job.id << " was acknowledged and is gone";
            EXPECT_EQ(job.rank, 0) << job.id;
            continue;
        }
        const int rank = is_terminal(now->status) ? 2 : now->status == JobStatus::running ? 1 : 0;
        EXPECT_GE(rank, job.rank) << job.id << " went back";
        if (job.rank == 2) {
            EXPECT_EQ(now->status, job.last_status) << job.id;
        }
        if (job.is_cancel_acknowledged) {
            EXPECT_EQ(now->status, JobStatus::cancelled) << job.id;
        }
        EXPECT_EQ(now->counts.has_value(), rank > 0 && now->counts.has_value()) << job.id;
        if (rank == 1) {
            EXPECT_TRUE(now->counts) << job.id;
        }
        if (now->counts) {
            const auto& c = *now->counts;
            EXPECT_EQ(c.device, c.pending + c.running + c.succeeded + c.failed + c.canceled) << job.id;
            if (job.rank > 0) {
                EXPECT_EQ(c.device, job.last_counts.device) << job.id;
            }
            EXPECT_GE(c.succeeded, job.last_counts.succeeded) << job.id;
            EXPECT_GE(c.failed, job.last_counts.failed) << job.id;
            EXPECT_GE(c.canceled, job.last_counts.canceled) << job.id;
            if (rank == 2) {
                EXPECT_EQ(c.pending + c.running, 0U) << job.id;
            }
            if (job.rank == 2) {
                EXPECT_EQ(c, job.last_counts) << job.id;
            }
            job.last_counts = c;
        }
        check_progress(job, now->counts.value_or(JobCounts()));
        job.rank = rank;
        job.last_status = now->status;
    }
}

void JobWorld::check_progress(WatchedJob& job, const JobCounts& counts) {
    const auto progress = (*hub)->jobs().progress(job.id);
    ASSERT_TRUE(progress) << job.id;
    EXPECT_GE(progress->revision, job.last_revision) << job.id << " went back";
    job.last_revision = progress->revision;
    EXPECT_EQ(progress->tally.failed(), counts.failed) << job.id;
    std::uint64_t answered = progress->tally.unnamed_answers();
    for (const auto& group : progress->tally.answers()) answered += group.count;
    if (job.has_rollout) return check_rollout(job, *progress);
    EXPECT_EQ(answered, job.type == JobType::device_method ? counts.succeeded : 0) << job.id;
}

void JobWorld::check_rollout(const WatchedJob& job, const JobProgress& progress) const {
    const auto counts = progress.snapshot.counts.value_or(JobCounts());
    if (job.cap) {
        EXPECT_LE(counts.running, *job.cap) << job.id << " is over its cap";
    }
    if (job.is_pause_acknowledged && job.type == JobType::update_twin) {
        EXPECT_LE(counts.succeeded + counts.running, job.begun_when_paused)
            << job.id << " writes though it is paused";
    }
    if (!progress.rollout) return;
    const auto& waves = progress.rollout->waves;
    if (progress.rollout->rollout->waves.empty() || !progress.snapshot.counts) return;
    std::uint64_t open = 0;
    for (std::size_t i = 0; i < waves.size(); ++i) {
        if (waves[i].state == WaveState::waiting) continue;
        open += waves[i].size;
        if (i > 0) {
            EXPECT_NE(waves[i - 1].state, WaveState::waiting) << job.id << " wave " << i;
            EXPECT_NE(waves[i - 1].state, WaveState::open) << job.id << " wave " << i << " opened early";
            EXPECT_NE(waves[i - 1].state, WaveState::soaking) << job.id << " wave " << i << " opened early";
        }
    }
    EXPECT_LE(counts.succeeded + counts.running, open) << job.id << " began in a wave that is not open";
}

std::vector<DeviceJob> JobWorld::rows(const std::string& job) {
    std::vector<DeviceJob> all;
    std::string position;
    do {
        std::optional<std::vector<std::string>> ids;
        ids.emplace({job});
        const auto always = [](const DeviceJob&, query::Meter&) { return true; };
        auto page = hub->run((*hub)->jobs().device_jobs(ids, std::nullopt, always, position, 3));
        EXPECT_TRUE(page);
        if (!page) break;
        for (auto& row : page->rows) all.push_back(std::move(row));
        position = page->position;
    } while (!position.empty());
    return all;
}

void JobWorld::check_method_row(const DeviceJob& row) {
    const std::pair<std::string, std::string> place(row.job_id, row.device_id);
    const int sent = sent_.contains(place) ? sent_[place] : 0;
    if (row.status == DeviceJobStatus::completed) {
        EXPECT_GE(sent, 1) << row.job_id << ' ' << row.device_id;
        ASSERT_TRUE(answers_.contains(place))
            << "an answer nobody gave: " << row.job_id << ' ' << row.device_id;
        ASSERT_TRUE(row.answer);
        EXPECT_EQ(row.answer->status, answers_[place]);
        EXPECT_EQ(row.answer->payload, R"({"ok":true})");
    }
    if (row.error_code == "JobRunPreconditionFailed" || row.error_code == "DeviceNotOnline") {
        EXPECT_EQ(sent, 0) << row.job_id << ' ' << row.device_id << " was sent, and is said not to have been";
    }
    if (row.status == DeviceJobStatus::failed) {
        EXPECT_FALSE(row.error_code.empty());
    }
}

/// Of the writes that others made, those that are there; the acknowledged ones must be.
std::size_t JobWorld::count_other_writes(const std::string& id, bool is_reported) {
    const auto& twin = hub->find(id)->committed->twin;
    std::size_t count = 0;
    for (const auto& write : other_writes_) {
        if (write.device != id || write.is_reported != is_reported) continue;
        const std::string_view path[] = {write.name};
        const auto& section = is_reported ? twin.reported : twin.tags;
        const bool is_there = section.find(path).kind == SectionValue::Kind::number;
        EXPECT_TRUE(is_there || !*write.is_acknowledged) << write.name << " of " << id << " is lost";
        count += is_there ? 1U : 0U;
    }
    return count;
}

void JobWorld::check_twins(const std::map<std::string, std::set<std::string>>& patched_by) {
    for (const auto& id : devices) {
        if (!exists(id) || recreated.contains(id)) continue;
        const auto& twin = hub->find(id)->committed->twin;
        const auto found = patched_by.find(id);
        const std::size_t writes = found == patched_by.end() ? 0 : found->second.size();
        EXPECT_EQ(twin.desired.version(), static_cast<std::int64_t>(1 + writes)) << id;
        const auto tags = count_other_writes(id, false);
        const auto reports = count_other_writes(id, true);
        EXPECT_EQ(twin.version, static_cast<std::int64_t>(2 + writes + tags + reports)) << id;
        EXPECT_EQ(twin.reported.version(), static_cast<std::int64_t>(1 + reports)) << id;
        EXPECT_EQ(twin.etag, 1 + writes + tags) << id;
        for (const auto& job : jobs) {
            if (job.type != JobType::update_twin) continue;
            const std::string_view path[] = {job.id};
            const bool is_patched = twin.desired.find(path).kind == SectionValue::Kind::number;
            EXPECT_EQ(is_patched, writes > 0 && found->second.contains(job.id)) << job.id << ' ' << id;
            EXPECT_EQ(twin.tags.find(path).kind == SectionValue::Kind::number, is_patched)
                << job.id << ' ' << id;
        }
    }
}

std::map<std::string, std::string> JobWorld::twins() {
    std::map<std::string, std::string> texts;
    for (const auto& id : devices) {
        if (!exists(id)) continue;
        const auto& twin = hub->find(id)->committed->twin;
        texts[id] = fmt::format("{} {} ", twin.version, twin.etag);
        for (const auto* section : {&twin.tags, &twin.desired, &twin.reported}) {
            texts[id] += as_text(section->encoded());
        }
    }
    return texts;
}

/// Whether the job wrote the device's twin: one that succeeded has it, and reported it if it had to.
bool JobWorld::is_written(const WatchedJob& job, const DeviceJob& row) {
    if (row.status == DeviceJobStatus::completed && !job.confirms) return true;
    if (!job.confirms || !exists(row.device_id)) return false;
    const auto& twin = hub->find(row.device_id)->committed->twin;
    const std::string_view path[] = {job.id};
    const bool is_there = twin.desired.find(path).kind == SectionValue::Kind::number;
    if (recreated.contains(row.device_id)) return is_there;
    if (row.status == DeviceJobStatus::completed) {
        EXPECT_TRUE(is_there) << job.id << ' ' << row.device_id;
        EXPECT_EQ(twin.reported.find(path).number, 1)
            << job.id << ' ' << row.device_id << " has not reported it";
    }
    if (row.error_code == "DeviceSilent" || row.error_code == "DeviceDiverged") {
        EXPECT_TRUE(is_there) << job.id << ' ' << row.device_id;
        const bool has_reported = twin.reported.find(path).kind != SectionValue::Kind::absent;
        EXPECT_TRUE(has_reported || row.error_code == "DeviceSilent") << job.id << ' ' << row.device_id;
    }
    return is_there;
}

/// The log of a job with a rollout fits its hashes and seals.
void JobWorld::check_chain(const WatchedJob& job) {
    const auto reports = (*hub)->jobs().report(job.id, {});
    ASSERT_TRUE(reports) << job.id;
    const auto found = hub->run(verify_job(**reports, {}));
    ASSERT_TRUE(found) << job.id;
    EXPECT_EQ(found->log.is_chained, job.has_rollout) << job.id;
    for (const auto& fault : found->log.faults)
        ADD_FAILURE() << job.id << " part " << fault.part << " event " << fault.sequence << ": "
                      << fault.what;
    EXPECT_TRUE(!job.has_rollout || found->is_intact())
        << job.id << " and the one before: " << static_cast<int>(found->previous);
    if (const auto& before = found->log.previous) {
        EXPECT_TRUE(followed_.insert(before->job).second)
            << job.id << " follows a job that another one follows already";
    }
    const auto lines = hub->run((*hub)->jobs().history(job.id, 0));
    ASSERT_TRUE(lines) << job.id;
    const auto is_end = [](const std::string& line) { return line.find(R"("event":"ended")") != line.npos; };
    EXPECT_EQ(std::count_if(lines->begin(), lines->end(), is_end), job.has_rollout ? 1 : 0) << job.id;
}

/// Events tell of each end once, of jobs and of their devices, and of it what the hub remembers.
void JobWorld::check_told() {
    std::map<std::string, int> told;
    const auto visit = [&told](std::string_view, std::string_view value) {
        const auto event = decode_message(as_bytes(value));
        EXPECT_TRUE(event);
        const auto body = JsonDocument::parse(event->body);
        EXPECT_TRUE(body) << event->body;
        const auto root = body->root();
        ++told[fmt::format("{} {} {} {}{}", root.find("jobId").string(), event->device_id,
                           root.find("status").string(), root.find("outcome").raw(),
                           root.find("error").raw())];
        return true;
    };
    EXPECT_TRUE(store.scan(Table::events, "", "\xFF", visit));
    std::map<std::string, int> ended;
    for (const auto& job : jobs) {
        const auto now = (*hub)->jobs().snapshot(job.id);
        if (!now) continue;
        ++ended[fmt::format("{}  {} ", job.id, job_status_text(now->status))];
        for (const auto& row : rows(job.id)) {
            std::string text;
            append_device_job_json(text, row);
            const auto json = JsonDocument::parse(text);
            const auto root = json->root();
            ++ended[fmt::format("{} {} {} {}{}", job.id, row.device_id, root.find("status").string(),
                                root.find("outcome").raw(), root.find("error").raw())];
        }
    }
    for (const auto& [what, count] : ended) EXPECT_GE(told[what], count) << what;
    for (const auto& [what, count] : told) EXPECT_LE(count, ended[what]) << what << ", which never ended so";
}

void JobWorld::finish() {
    store.fail_commits(1, 0);
    commits_left_ = SIZE_MAX;
    settle();
    while (answer_one()) settle();
    const auto is_over = [this] {
        for (const auto& job : jobs) {
            const auto now = (*hub)->jobs().snapshot(job.id);
            if (now && !is_terminal(now->status)) return false;
        }
        return true;
    };
    for (int seconds = 0; seconds < 1000 && !is_over(); ++seconds) {
        advance(std::chrono::seconds(1));
        settle();
        check();
    }
    EXPECT_TRUE(is_over()) << "a job does not end";
    check();

    std::map<std::string, std::set<std::string>> patched_by;
    std::map<std::string, std::string> texts;
    for (const auto& job : jobs) {
        const auto now = (*hub)->jobs().snapshot(job.id);
        if (!now) continue;
        append_job_json(texts[job.id], *now);
        JobCounts seen;
        std::string last;
        for (const auto& row : rows(job.id)) {
            EXPECT_LT(last, row.device_id) << job.id;
            last = row.device_id;
            append_device_job_json(texts[job.id], row);
            ++seen.device;
            if (row.status == DeviceJobStatus::completed) ++seen.succeeded;
            if (row.status == DeviceJobStatus::failed) ++seen.failed;
            if (row.status == DeviceJobStatus::canceled) ++seen.canceled;
            if (job.type == JobType::device_method) check_method_row(row);
            if (job.type == JobType::update_twin && is_written(job, row))
                patched_by[row.device_id].insert(job.id);
        }
        EXPECT_EQ(seen, now->counts.value_or(JobCounts{})) << job.id << ": counters and records differ";
        check_chain(job);
    }
    check_twins(patched_by);

    // And a restart finds all of it again.
    const auto twins_before = twins();
    crash();
    settle();
    check();
    advance(std::chrono::seconds(2));
    settle();
    check_told();
    for (const auto& [id, text] : texts) {
        std::string again;
        append_job_json(again, *(*hub)->jobs().snapshot(id));
        for (const auto& row : rows(id)) append_device_job_json(again, row);
        EXPECT_EQ(again, text) << id;
    }
    EXPECT_EQ(twins(), twins_before);
}

}  // namespace carillon::testing
