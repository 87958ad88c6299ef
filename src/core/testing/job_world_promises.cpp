// What must hold of the jobs of a world: at any moment, and when all is over.

#include "base/text.hpp"
#include "core/jobs/approvals/approval_rule.hpp"
#include "core/jobs/chain/job_verifier.hpp"
#include "core/jobs/job_events.hpp"
#include "core/jobs/job_log.hpp"
#include "core/testing/job_world.hpp"
#include "model/rollouts/canary.hpp"

#include <algorithm>

namespace carillon::testing {

void JobWorld::check() {
    note_answers();
    watch_undos();
    if (is_frozen_) {
        EXPECT_LE(begun_twins(), begun_when_frozen_) << "twins are written though all jobs are held";
    }
    check_cap();
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
            if (job.rank > 0 && job.is_continuous && job.rank < 2) {
                EXPECT_GE(c.device, job.last_counts.device) << job.id;
            } else if (job.rank > 0) {
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

/// A job that is taken back by its own rules is followed by one that nobody has asked for.
void JobWorld::watch_undos() {
    std::vector<std::string> sources;
    for (const auto& job : jobs) {
        if (job.undoes_itself && !find_job(job.id + "-undo")) sources.push_back(job.id);
    }
    for (const auto& source : sources) {
        if (!(*hub)->jobs().snapshot(source + "-undo")) continue;
        WatchedJob job;
        job.id = source + "-undo";
        job.has_rollout = true;
        job.undoes = source;
        jobs.push_back(std::move(job));
    }
}

/// Nothing of a job begins before it may start.
void JobWorld::check_start(WatchedJob& job, const JobProgress& progress) {
    const auto counts = progress.snapshot.counts.value_or(JobCounts());
    const auto begun = counts.succeeded + counts.running;
    if (progress.approval && !job.is_approval_tried) {
        EXPECT_EQ(begun, 0U) << job.id << " begins before it is approved";
    }
    if (job.is_planned && progress.snapshot.status == JobStatus::failed) {
        EXPECT_EQ(begun, 0U) << job.id << " has begun with devices that were not planned";
    }
    if (job.after.empty()) return;
    const auto other = (*hub)->jobs().snapshot(job.after);
    if (progress.rollout && progress.rollout->waits_for_job && other && other->counts)
        job.after_devices = other->counts->device;
    if (begun == 0) return;
    ASSERT_TRUE(other) << job.id << " waits for a job that is gone";
    const auto of = other->counts.value_or(JobCounts());
    const auto ended = of.succeeded + of.failed;
    auto size = of.device;
    if (const auto* source = find_job(job.after); source && source->is_continuous) {
        // Some may have joined since; when it still waited there were no more than when it began.
        size = std::min(size, job.after_devices);
        EXPECT_TRUE(ended > 0 || is_terminal(other->status))
            << job.id << " began after " << job.after << ", of which nothing had ended";
    }
    // What has ended never falls, and what is canceled does not count.
    EXPECT_GE(100 * ended + static_cast<std::uint64_t>(job.after_ended) * of.canceled,
              static_cast<std::uint64_t>(job.after_ended) * size)
        << job.id << " began too early after " << job.after;
}

/// The log says of each device when it began.
void JobWorld::check_windows() {
    if (windows.empty()) return;
    const auto visit = [this](std::string_view key, std::string_view value) {
        // The log of the job itself has events of other kinds.
        if (part_of_event_key(key) == job_log_part) return true;
        const auto event = decode_job_event(as_bytes(value));
        if (!event) return true;
        WallTime at;
        if (const auto* begun = std::get_if<BegunEvent>(&*event)) at = begun->time;
        if (const auto* written = std::get_if<WrittenEvent>(&*event)) {
            const bool is_any =
                std::any_of(written->devices.begin(), written->devices.end(),
                            [](const auto& device) { return device.failure.reason == FailReason::none; });
            if (is_any) at = written->time;
        }
        const bool is_within = std::any_of(windows.begin(), windows.end(), [at](const auto& window) {
            return window.first <= at && at < window.second;
        });
        EXPECT_TRUE(at.ticks == 0 || is_within) << "began outside of its windows, at " << to_iso8601(at);
        return true;
    };
    EXPECT_TRUE(store.scan(Table::job_events, "", "\xFF", visit));
}

void JobWorld::check_progress(WatchedJob& job, const JobCounts& counts) {
    const auto progress = (*hub)->jobs().progress(job.id);
    ASSERT_TRUE(progress) << job.id;
    check_start(job, *progress);
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
        if (waves[i].state == WaveState::waiting) {
            if (i < progress.waves.size()) {
                EXPECT_EQ(progress.waves[i].succeeded, 0U) << job.id << " wave " << i << " is not open";
            }
            continue;
        }
        open += waves[i].size;
        if (i > 0) {
            EXPECT_NE(waves[i - 1].state, WaveState::waiting) << job.id << " wave " << i;
            EXPECT_NE(waves[i - 1].state, WaveState::open) << job.id << " wave " << i << " opened early";
            EXPECT_NE(waves[i - 1].state, WaveState::soaking) << job.id << " wave " << i << " opened early";
        }
    }
    // The sizes are what the coordinator has heard. Who has joined since is in the last wave.
    if (job.is_continuous && waves.back().state != WaveState::waiting) {
        EXPECT_LE(open, counts.device) << job.id << " has waves of more devices than it has";
        open = std::max(open, counts.device);
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

void JobWorld::check_twins(const std::map<std::string, std::set<std::string>>& patched_by,
                           const std::map<std::string, std::set<std::string>>& undone) {
    for (const auto& id : devices) {
        if (!exists(id) || recreated.contains(id)) continue;
        const auto& twin = hub->find(id)->committed->twin;
        const auto found = patched_by.find(id);
        const auto back = undone.find(id);
        const std::size_t patches = found == patched_by.end() ? 0 : found->second.size();
        const std::size_t writes = patches + (back == undone.end() ? 0 : back->second.size());
        EXPECT_EQ(twin.desired.version(), static_cast<std::int64_t>(1 + writes)) << id;
        const auto tags = count_other_writes(id, false);
        const auto reports = count_other_writes(id, true);
        EXPECT_EQ(twin.version, static_cast<std::int64_t>(2 + writes + tags + reports)) << id;
        EXPECT_EQ(twin.reported.version(), static_cast<std::int64_t>(1 + reports)) << id;
        EXPECT_EQ(twin.etag, 1 + writes + tags) << id;
        for (const auto& job : jobs) {
            if (job.type != JobType::update_twin || !job.undoes.empty()) continue;
            const bool is_undone = back != undone.end() && back->second.contains(job.id);
            const std::string_view path[] = {job.id};
            const bool is_patched = twin.desired.find(path).kind == SectionValue::Kind::number;
            EXPECT_EQ(is_patched, patches > 0 && found->second.contains(job.id) && !is_undone)
                << job.id << ' ' << id;
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
bool JobWorld::is_written(const WatchedJob& job, const DeviceJob& row, const std::set<std::string>& undone) {
    if (undone.contains(job.id)) return true;
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
    check_tests(job);
}

namespace {

/// What the log of a job says of its waves: of each part's devices their waves and when they began.
struct WavesOnRecord {
    std::vector<JobLogEvent> log;
    std::map<std::uint32_t, std::vector<std::uint32_t>> places;         ///< By part.
    std::map<std::pair<std::uint32_t, std::uint32_t>, WallTime> begun;  ///< By part and index.
    std::map<std::uint32_t, std::vector<LostEvent>> lost;               ///< By part.

    std::uint32_t place(std::uint32_t part, std::uint32_t index) const {
        const auto& of = places.at(part);
        return index < of.size() ? of[index] : UINT32_MAX;  // It has joined since.
    }
    void take(std::uint32_t part, const JobEvent& event) {
        const auto begin = [&](std::uint32_t index, WallTime at) {
            begun.emplace(std::pair(part, index), at);
        };
        if (const auto* order = std::get_if<OrderEvent>(&event)) {
            places[part].insert(places[part].end(), order->places.begin(), order->places.end());
        } else if (const auto* intent = std::get_if<BegunEvent>(&event)) {
            for (const auto& device : intent->devices) begin(device.index, intent->time);
        } else if (const auto* written = std::get_if<WrittenEvent>(&event)) {
            for (const auto& device : written->devices) {
                if (device.failure.reason == FailReason::none) begin(device.index, written->time);
            }
        } else if (const auto* some = std::get_if<LostEvent>(&event)) {
            lost[part].push_back(*some);
        }
    }
};

WavesOnRecord read_waves(Store& store, std::uint64_t number) {
    WavesOnRecord found;
    const auto visit = [&found](std::string_view key, std::string_view value) {
        const auto part = part_of_event_key(key);
        if (part == job_log_part) {
            found.log.push_back(*decode_job_log_event(as_bytes(value)));
        } else {
            found.take(part, *decode_job_event(as_bytes(value)));
        }
        return true;
    };
    EXPECT_TRUE(store.scan(Table::job_events, job_event_key(number), job_event_key(number + 1), visit));
    return found;
}

}  // namespace

/// A wave with a test passes only behind a test that says so and no signal that is bad, and when its devices
/// were watched, unless somebody promotes it. Of lost connections each device tells once.
void JobWorld::check_tests(const WatchedJob& job) {
    const auto progress = (*hub)->jobs().progress(job.id);
    if (!progress || !progress->rollout) return;
    const auto tests = wave_tests_of(*progress->rollout->rollout);
    const auto& waves = progress->rollout->waves;
    if (std::none_of(tests.begin(), tests.end(), [](const auto& test) { return test.has_value(); })) return;
    const auto found = read_waves(store, progress->number);
    std::vector<std::uint64_t> ends;
    for (const auto& wave : waves) ends.push_back((ends.empty() ? 0 : ends.back()) + wave.size);
    std::map<std::uint32_t, WaveTestState> last;
    std::map<std::uint32_t, SignalsEvent> counted;
    std::set<std::uint32_t> watched;
    const bool has_end =
        !found.log.empty() && std::any_of(found.log.begin(), found.log.end(), [](const auto& event) {
            return std::holds_alternative<JobEndedEvent>(event);
        });
    for (const auto& event : found.log) {
        if (const auto* tested = std::get_if<TestedEvent>(&event)) {
            last[tested->state.wave] = tested->state;
            if (tested->state.what == WaveTestState::bad && tested->state.slow > 0) ++signals.slow;
        }
        if (const auto* some = std::get_if<SignalsEvent>(&event)) {
            EXPECT_GE(some->lost.count(), counted[some->wave].lost.count()) << job.id;
            counted[some->wave] = *some;
        }
        const auto* judged = std::get_if<WaveJudgedEvent>(&event);
        if (judged == nullptr || judged->is_forced || judged->wave + 1 >= waves.size()) continue;
        const auto entry = waves[judged->wave].entry;
        if (entry >= tests.size() || !tests[entry]) continue;
        const bool goes_on = judged->what == WaveJudgedEvent::passed ||
                             judged->what == WaveJudgedEvent::soaking ||
                             judged->what == WaveJudgedEvent::at_gate;
        if (!goes_on) continue;
        EXPECT_EQ(last[judged->wave].what, WaveTestState::good)
            << job.id << " wave " << judged->wave << " goes on without its test";
        const auto& test = *tests[entry];
        const bool is_at_end =
            has_end && std::any_of(found.log.begin(), found.log.end(), [&](const auto& other) {
                return std::holds_alternative<JobEndedEvent>(other) && time_of(other) == judged->time;
            });
        // Behind the soak its devices have been watched already.
        if (!test.has_disconnects || is_at_end || !watched.insert(judged->wave).second) continue;
        ++signals.watched;
        const auto from = judged->wave == 0 ? 0 : ends[judged->wave - 1];
        const auto long_enough =
            std::count_if(found.begun.begin(), found.begun.end(), [&](const auto& begun) {
                const auto place = found.place(begun.first.first, begun.first.second);
                return place >= from && place < ends[judged->wave] &&
                       begun.second.ticks + test.watch.ms * WallTime::ticks_per_ms <= judged->time.ticks;
            });
        EXPECT_GE(static_cast<std::uint64_t>(long_enough), judged->counts.succeeded)
            << job.id << " wave " << judged->wave << " goes on before its devices were watched";
    }
    std::map<std::uint32_t, std::uint64_t> in_wave;
    std::map<std::uint32_t, std::uint64_t> in_control;
    for (const auto& [part, events] : found.lost) {
        std::set<std::pair<std::uint32_t, std::uint32_t>> seen;
        for (const auto& event : events) {
            for (const auto& device : event.devices) {
                EXPECT_TRUE(seen.emplace(event.wave, device.index).second)
                    << job.id << " tells twice of a lost connection";
                ++(device.is_of_wave ? in_wave : in_control)[event.wave];
                ++signals.lost;
                const auto place = found.place(part, device.index);
                const bool is_of_wave = place < ends[event.wave];
                EXPECT_EQ(device.is_of_wave, is_of_wave) << job.id << " wave " << event.wave;
                const auto begun = found.begun.find({part, device.index});
                const bool has_begun = begun != found.begun.end() && begun->second <= event.time;
                EXPECT_EQ(has_begun, is_of_wave) << job.id << " wave " << event.wave;
            }
        }
    }
    for (const auto& [wave, some] : counted) {
        EXPECT_LE(some.lost.in_wave, in_wave[wave]) << job.id << " counts what nobody lost";
        EXPECT_LE(some.lost.in_control, in_control[wave]) << job.id << " counts what nobody lost";
    }
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
        // Decisions about a job are the lines of its history.
        if (root.find("event").is_string()) return true;
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

/// A device never gets the call of a job after that of one which started later and supersedes it.
void JobWorld::check_superseding() {
    std::map<std::string, std::int64_t> starts;
    for (const auto& job : jobs) {
        if (!job.supersedes || !(*hub)->jobs().snapshot(job.id)) continue;
        const auto lines = hub->run((*hub)->jobs().history(job.id, 0));
        ASSERT_TRUE(lines) << job.id;
        for (const auto& line : *lines) {
            const auto event = JsonDocument::parse(line);
            ASSERT_TRUE(event) << line;
            if (event->root().find("event").string() == "started")
                starts[job.id] = event->root().find("start").integer().value_or(0);
        }
    }
    for (const auto& [device, calls] : calls_) {
        std::int64_t newest = 0;
        for (const auto& job : calls) {
            ASSERT_TRUE(starts.contains(job)) << job << " calls and never started";
            EXPECT_GE(starts[job], newest) << job << " calls " << device << " after a newer one";
            newest = std::max(newest, starts[job]);
        }
    }
}

/// Whoever is there is a member of a job that takes all.
void JobWorld::check_members() {
    const auto there = static_cast<std::uint64_t>(
        std::count_if(devices.begin(), devices.end(), [this](const auto& id) { return exists(id); }));
    for (const auto& job : jobs) {
        const auto now = (*hub)->jobs().progress(job.id);
        if (!job.takes_all || job.is_closed || !now || now->snapshot.status != JobStatus::running) continue;
        if (!now->rollout || now->rollout->is_cancelling || now->rollout->deadline <= clock.wall_now())
            continue;
        EXPECT_GE(now->snapshot.counts.value_or(JobCounts()).device, there) << job.id << " misses devices";
    }
}

/// The tests of a job's waves, to the bit.
std::string JobWorld::tests_text(const std::string& id) {
    std::string text;
    const auto progress = (*hub)->jobs().progress(id);
    if (!progress || !progress->rollout) return text;
    for (const auto& [test, state] : progress->rollout->tests) {
        // The test of a wave that was not judged ends with the hub, and of one that is good the signals went
        // on.
        const auto wave = progress->rollout->waves[state.wave].state;
        const bool is_judged =
            wave == WaveState::passed || wave == WaveState::failed || wave == WaveState::gate;
        if (state.what == WaveTestState::open || !is_judged) continue;
        text += fmt::format("wave {} {} {} {}", state.wave, static_cast<int>(state.what), state.failed,
                            state.succeeded);
        if (state.what == WaveTestState::good) continue;
        text += fmt::format(" {} {} {} {} {}", state.slow, state.answered, state.lost.in_wave,
                            state.lost.in_control, state.lost.control);
        for (const double product : state.lost.products) text += fmt::format(" {:a}", product);
    }
    return text;
}

void JobWorld::finish() {
    store.fail_commits(1, 0);
    commits_left_ = SIZE_MAX;
    if (mail) mail->heal();
    settle();
    freezing_.reset();
    thawing_.reset();
    capping_.reset();
    uncapping_.reset();
    freeze(false);
    cap(0);
    settle();
    while (answer_one()) settle();
    advance(std::chrono::seconds(2));
    settle();
    check_members();
    const auto is_over = [this] {
        for (const auto& job : jobs) {
            const auto now = (*hub)->jobs().snapshot(job.id);
            if (now && !is_terminal(now->status)) return false;
        }
        return true;
    };
    // An undo that a job's own rules made may be paused, and has a week.
    std::vector<std::string> undos;
    for (const auto& job : jobs) {
        if (!job.undoes.empty()) undos.push_back(job.id);
    }
    JobWish resume;
    resume.what = JobWish::resume;
    for (const auto& id : undos) direct(id, resume);
    for (int seconds = 0; seconds < 1000 && !is_over(); ++seconds) {
        advance(std::chrono::seconds(1));
        settle();
        check();
    }
    EXPECT_TRUE(is_over()) << "a job does not end";
    check();

    std::map<std::string, std::set<std::string>> undone;
    for (const auto& job : jobs) {
        if (job.undoes.empty() || !(*hub)->jobs().snapshot(job.id)) continue;
        for (const auto& row : rows(job.id)) {
            if (row.status == DeviceJobStatus::completed) undone[row.device_id].insert(job.undoes);
        }
    }
    std::map<std::string, std::set<std::string>> patched_by;
    std::map<std::string, std::string> texts;
    for (const auto& job : jobs) {
        const auto now = (*hub)->jobs().snapshot(job.id);
        if (!now) continue;
        append_job_json(texts[job.id], *now);
        texts[job.id] += tests_text(job.id);
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
            if (job.type == JobType::update_twin && job.undoes.empty() &&
                is_written(job, row, undone[row.device_id]))
                patched_by[row.device_id].insert(job.id);
        }
        EXPECT_EQ(seen, now->counts.value_or(JobCounts{})) << job.id << ": counters and records differ";
        check_chain(job);
    }
    check_twins(patched_by, undone);
    check_windows();
    check_superseding();

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
        again += tests_text(id);
        for (const auto& row : rows(id)) append_device_job_json(again, row);
        EXPECT_EQ(again, text) << id;
    }
    EXPECT_EQ(twins(), twins_before);
}

}  // namespace carillon::testing
