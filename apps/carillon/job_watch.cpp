#include "job_watch.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "job_progress.hpp"
#include "job_request.hpp"
#include "json_text.hpp"
#include "terminal.hpp"

#include <fmt/format.h>
#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <thread>
#include <utility>

namespace carillon {

namespace {

constexpr std::chrono::seconds hub_away_max{60};
/// Before connecting again; twice as long each time, until an event comes.
constexpr std::chrono::milliseconds reconnect_min{250};
constexpr std::chrono::milliseconds reconnect_max{5000};
/// So long nothing begins and nothing ends in a job before that is taken for waiting.
constexpr std::chrono::seconds quiet_min{1};
constexpr std::size_t failures_read_max = 1000;
constexpr std::size_t reasons_shown_max = 5;

/// Draws a job in place on a terminal, prints it line by line elsewhere.
class ProgressView {
public:
    explicit ProgressView(const JobWatch& watch)
        : out_(watch.out),
          interval_(watch.interval),
          is_text_(watch.format == Format::automatic || watch.format == Format::table),
          is_live_(is_text_ && terminal_width(watch.out) > 0),
          format_(watch.format),
          block_(watch.out) {}

    void show(const JobReport& report, const JobPace& pace, const JobSurroundings& around, TimePoint now) {
        report_ = report;
        if (is_live_) {
            drawn_width_ = block_.width();
            block_.draw(progress_block(report, pace, around, drawn_width_));
            return;
        }
        JobReport numbers = report;
        numbers.json.clear();
        if (printed_ && numbers == last_) return;
        // Numbers may wait for the next line, a change of state may not.
        if (printed_ && report.status == last_.status && now - printed_at_ < interval_) return;
        print(is_text_ ? report.id + "  " + progress_line(report, pace, around) : as_row(report.json));
        printed_ = true;
        printed_at_ = now;
        last_ = std::move(numbers);
    }

    /// Draws again what has been shown, as time has passed or the terminal has another width.
    void refresh(const JobPace& pace, const JobSurroundings& around) {
        if (!has_block()) return;
        drawn_width_ = block_.width();
        block_.draw(progress_block(*report_, pace, around, drawn_width_));
    }
    /// Where a block is drawn, what is said of the hub is a line of it.
    bool has_block() const { return is_live_ && report_; }
    bool is_other_width() const { return has_block() && block_.width() != drawn_width_; }

    /// A line for people, below what has been shown; beside rows of data it goes to standard error.
    void say(const std::string& line) {
        if (!is_text_) {
            std::fprintf(stderr, "%s\n", line.c_str());
            return;
        }
        block_.keep();
        for (const std::string& each : is_live_ ? wrapped(line, block_.width()) : std::vector{line})
            print(each);
    }

private:
    std::string as_row(const std::string& json) {
        std::ostringstream row;
        if (format_ == Format::json || format_ == Format::ndjson) {
            print_document(row, Format::ndjson, json, 0);
        } else {
            if (!printed_) row << "jobId,status,devices,succeeded,failed,running,pending\n";
            const auto document = JsonDocument::parse(json);
            const JsonValue root = document ? document->root() : JsonValue();
            const JsonValue counts = root.find("deviceJobStatistics");
            row << csv_field(root.find("jobId").string()) << ',' << csv_field(root.find("status").string());
            for (const char* name :
                 {"deviceCount", "succeededCount", "failedCount", "runningCount", "pendingCount"}) {
                row << ',' << cell_text(counts.find(name));
            }
            row << '\n';
        }
        std::string text = row.str();
        text.pop_back();  // `print` ends the line.
        return text;
    }

    void print(const std::string& line) {
        std::fputs((line + "\n").c_str(), out_);
        std::fflush(out_);
    }

    std::FILE* out_;
    std::chrono::milliseconds interval_;
    bool is_text_;
    bool is_live_;
    Format format_;
    LiveBlock block_;
    std::size_t drawn_width_ = 0;
    std::optional<JobReport> report_;  ///< Shown last.
    bool printed_ = false;
    TimePoint printed_at_;
    JobReport last_;  ///< Printed.
};

bool is_passing(Errc code) {
    return code == Errc::unreachable || code == Errc::connection_closed || http_status(code) == 503 ||
           http_status(code) == 429;
}

/// Why devices failed, most frequent first; from the first rows, if there are very many.
Result<> say_reasons(ServiceClient& client, const JobReport& look, ProgressView& view) {
    const std::string statement =
        "SELECT * FROM devices.jobs WHERE devices.jobs.jobId = " + query_literal(look.id) +
        " AND devices.jobs.status = 'failed'";
    std::map<std::string, std::size_t> reasons;
    std::size_t read = 0;
    std::string continuation;
    do {
        auto page = client.query(statement, 100, continuation);
        if (!page) return fail(std::move(page).error());
        for (const auto& item : page->items) {
            const auto row = JsonDocument::parse(item);
            if (!row) continue;
            const auto code = find_path(row->root(), "error.code").string();
            const auto description = find_path(row->root(), "error.description").string();
            ++reasons[std::string(code) + ": " + std::string(description)];
            ++read;
        }
        continuation = page->continuation;
    } while (!continuation.empty() && read < failures_read_max);

    std::vector<std::pair<std::string, std::size_t>> ranked(reasons.begin(), reasons.end());
    std::stable_sort(ranked.begin(), ranked.end(),
                     [](const auto& a, const auto& b) { return a.second > b.second; });
    if (ranked.size() > reasons_shown_max) ranked.resize(reasons_shown_max);
    for (const auto& [reason, count] : ranked) view.say("  " + with_thousands(count) + " × " + reason);
    if (std::cmp_less(read, look.failed)) view.say("  (of the first " + with_thousands(read) + " failures)");
    return {};
}

Result<Exit> outcome(ServiceClient& client, const JobReport& report, ProgressView& view) {
    if (report.status == "failed") return Exit::failed;  // Why has been shown.
    if (report.status == "completed" && report.devices == 0) {
        view.say("no device matched the condition of job " + report.id);
    }
    if (report.failures) {
        for (const auto& line : reason_lines(report)) view.say(line);
    } else if (report.failed > 0) {
        // The reasons are a courtesy; the outcome stands without them.
        if (auto said = say_reasons(client, report, view); !said)
            view.say("  (reasons: " + said.error().detail + ")");
    }
    // A rollout says itself what is enough.
    if (report.rollout && report.rollout->verdict == "met" && report.status == "completed") return Exit::ok;
    if (report.rollout && report.rollout->verdict == "missed") return Exit::devices_failed;
    if (report.failed > 0) return Exit::devices_failed;
    return report.status == "completed" ? Exit::ok : Exit::failed;
}

/// One watch of one job, by events as long as the hub has them.
class Watching {
public:
    Watching(ServiceClient& client, const std::string& job, const JobWatch& watch)
        : client_(client), job_(job), watch_(watch), view_(watch), begun_(clock_.now()), heard_(begun_) {}

    Result<Exit> run() {
        while (!end_ && !is_out_of_time()) {
            const auto asked = has_events_ ? follow() : look();
            if (!asked) return fail(asked.error());
        }
        if (end_) return outcome(client_, *end_, view_);
        view_.say("job " + job_ + " goes on; `carillon job watch " + job_ + "` looks again");
        return Exit::timed_out;
    }

private:
    TimePoint deadline() const {
        return watch_.duration_max.count() > 0 ? begun_ + watch_.duration_max : TimePoint::max();
    }
    bool is_out_of_time() const { return clock_.now() >= deadline(); }

    void wait(std::chrono::milliseconds delay) {
        const TimePoint until = std::min(clock_.now() + delay, deadline());
        while (clock_.now() < until) {
            std::this_thread::sleep_until(std::min(clock_.now() + ServiceClient::tick_interval, until));
            tick();
        }
    }

    JobSurroundings around() const {
        JobSurroundings around = around_;
        around.now = std::chrono::system_clock::now();
        // What could be sent to is sent to at once: what is left has nobody to send it to.
        around.waits_for_devices = last_ && last_->type == "scheduleDeviceMethod" && last_->running == 0 &&
                                   clock_.now() - changed_ >= quiet_min;
        return around;
    }

    /// Between two things that the hub says.
    void tick() {
        const bool waits = around().waits_for_devices;
        const bool is_new = waits != told_waits_ || (is_away_ && clock_.now() - told_away_ >= quiet_min);
        if (!is_new && !view_.is_other_width()) return;
        if (is_away_) note_absence();
        told_waits_ = waits;
        // A line on a pipe says it too, as nothing else may come for long.
        if (waits && !is_away_ && last_) {
            view_.show(*last_, pace_, around(), clock_.now());
        } else {
            view_.refresh(pace_, around());
        }
    }

    void note_absence() {
        told_away_ = clock_.now();
        const auto away = std::chrono::duration_cast<std::chrono::seconds>(told_away_ - heard_);
        around_.note = "the hub does not answer; reconnecting for " + duration_text(away);
    }

    void begin_absence() {
        if (is_away_ || !last_) return;
        is_away_ = true;
        note_absence();
        if (view_.has_block()) {
            view_.refresh(pace_, around());
        } else {
            view_.say(job_ + "  the hub does not answer; reconnecting");
        }
    }

    void end_absence() {
        heard_ = clock_.now();
        is_away_ = false;
        around_.note.clear();
        view_.refresh(pace_, around());
    }

    Result<> take(const std::string& json) {
        auto report = read_job_report(json);
        if (!report) return fail(std::move(report).error());
        heard_ = clock_.now();
        is_away_ = false;
        around_.note.clear();
        backoff_ = reconnect_min;
        if (report->start) around_.start = report->start;
        if (report->deadline) around_.deadline = report->deadline;
        if (!last_ || last_->ended() != report->ended() || last_->running != report->running ||
            last_->status != report->status) {
            changed_ = heard_;
        }
        pace_.observe(*report, heard_);
        last_ = *report;
        told_waits_ = around().waits_for_devices;
        view_.show(*report, pace_, around(), heard_);
        if (report->has_ended()) end_ = *std::move(report);
        return {};
    }

    /// Stays on one connection to the events for as long as it lasts.
    Result<> follow() {
        // The events do not tell when it begins and ends.
        if (!around_.deadline) {
            if (const auto job = client_.job_status(job_)) {
                around_.start = job->start;
                around_.deadline = job->deadline;
            }
        }
        const TimePoint connecting = clock_.now();
        Result<> taken;
        const auto outcome = client_.follow_job(
            job_, after_, deadline(),
            [&](const ServiceEvent& event) {
                after_ = event.id;
                taken = take(event.data);
                return taken.has_value() && !end_;
            },
            [&] {
                // The hub has answered, even if there is nothing newer to tell.
                if (is_away_) end_absence();
                tick();
            });
        if (!taken) return taken;
        if (end_ || is_out_of_time()) return {};
        if (!outcome && !is_cut(outcome.error().code)) return give_up_events(outcome.error());
        // A connection that stood for a while shows that the hub is there, whatever became of it.
        if (clock_.now() - connecting > reconnect_max) heard_ = clock_.now();
        if (!outcome && (!last_ || clock_.now() - heard_ > hub_away_max)) return fail(outcome.error());
        begin_absence();
        wait(backoff_);
        backoff_ = std::min(backoff_ * 2, reconnect_max);
        return {};
    }

    /// Asks in the way that every hub has. Whether the hub lacks the route or has no place left for
    /// one who follows, that way answers what is to be answered.
    Result<> give_up_events(const Error& error) {
        if (error.code == Errc::job_not_found || error.code == Errc::tls_failed) return fail(error);
        has_events_ = false;
        return {};
    }

    Result<> look() {
        const auto json = client_.find_job(job_);
        if (json) {
            auto taken = take(*json);
            if (!taken || end_) return taken;
        } else if (!last_ || !is_passing(json.error().code) || clock_.now() - heard_ > hub_away_max) {
            return fail(json.error());
        } else {
            begin_absence();
        }
        wait(watch_.interval);
        return {};
    }

    ServiceClient& client_;
    const std::string& job_;
    const JobWatch& watch_;
    SystemClock clock_;
    ProgressView view_;
    JobPace pace_;
    JobSurroundings around_;
    const TimePoint begun_;
    TimePoint heard_;
    TimePoint changed_;  ///< When a device began or ended, as far as has been heard.
    TimePoint told_away_;
    std::optional<JobReport> last_;
    bool told_waits_ = false;
    bool is_away_ = false;
    bool has_events_ = true;
    std::string after_;
    std::chrono::milliseconds backoff_ = reconnect_min;
    std::optional<JobReport> end_;
};

}  // namespace

Result<Exit> watch_job(ServiceClient& client, const std::string& job, const JobWatch& watch) {
    return Watching(client, job, watch).run();
}

}  // namespace carillon
