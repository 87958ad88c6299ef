#include "job_watch.hpp"

#include "base/clock.hpp"
#include "base/json.hpp"
#include "job_progress.hpp"
#include "job_request.hpp"
#include "json_text.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
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
constexpr std::chrono::milliseconds backoff_min{250};
constexpr std::chrono::milliseconds backoff_max{5000};
constexpr std::size_t failures_read_max = 1000;
constexpr std::size_t reasons_shown_max = 5;

/// Draws looks at a job, in place on a terminal, line by line elsewhere.
class ProgressView {
public:
    explicit ProgressView(const JobWatch& watch)
        : out_(watch.out),
          interval_(watch.interval),
          format_(watch.format),
          is_terminal_(isatty(fileno(watch.out)) != 0) {}

    void show(const JobReport& look, const JobPace& pace, const std::string& json, TimePoint now) {
        if (is_terminal_ && is_talk()) return redraw(progress_block(look, pace, width()));
        JobReport without_text = look;
        without_text.json.clear();
        if (printed_ && without_text == last_) return;
        // Numbers may wait for the next line, a change of state may not.
        if (printed_ && look.status == last_.status && now - printed_at_ < interval_) return;
        print(is_talk() ? look.id + "  " + progress_line(look, pace) : as_row(json));
        printed_ = true;
        printed_at_ = now;
        last_ = std::move(without_text);
    }

    void say(const std::string& line) {
        if (!is_talk()) return;
        print(line);
        lines_drawn_ = 0;
    }

private:
    bool is_talk() const { return format_ == Format::automatic || format_ == Format::table; }

    std::string as_row(const std::string& json) {
        std::ostringstream row;
        if (format_ != Format::csv) {
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

    std::size_t width() const {
        winsize size{};
        constexpr std::size_t width_default = 80;
        return ioctl(fileno(out_), TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : width_default;
    }

    void print(const std::string& line) {
        std::fputs((line + "\n").c_str(), out_);
        std::fflush(out_);
    }

    void redraw(const std::vector<std::string>& block) {
        std::string text;
        if (lines_drawn_ > 0) text += fmt::format("\x1b[{}A", lines_drawn_);  // up to where it began
        for (const auto& line : block) text += line + "\x1b[K\n";             // clear what is left of it
        text += "\x1b[J";  // what a longer block left behind
        lines_drawn_ = block.size();
        std::fputs(text.c_str(), out_);
        std::fflush(out_);
    }

    std::FILE* out_;
    std::chrono::milliseconds interval_;
    Format format_;
    bool is_terminal_;
    bool printed_ = false;
    TimePoint printed_at_;
    JobReport last_;  ///< Printed.
    std::size_t lines_drawn_ = 0;
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

Result<Exit> outcome(ServiceClient& client, const JobReport& look, ProgressView& view) {
    if (look.status == "failed") {
        view.say("job " + look.id + " failed: " + look.failure_reason);
        return Exit::failed;
    }
    if (look.failures) {
        for (const auto& line : reason_lines(look)) view.say(line);
    } else if (look.failed > 0) {
        // The reasons are a courtesy; the outcome stands without them.
        if (auto said = say_reasons(client, look, view); !said)
            view.say("  (reasons: " + said.error().detail + ")");
    }
    if (look.failed > 0) return Exit::devices_failed;
    return look.status == "completed" ? Exit::ok : Exit::failed;
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

    void wait(std::chrono::milliseconds delay) const {
        std::this_thread::sleep_until(std::min(clock_.now() + delay, deadline()));
    }

    Result<> take(const std::string& json) {
        auto look = read_job_report(json);
        if (!look) return fail(std::move(look).error());
        heard_ = clock_.now();
        has_heard_ = true;
        backoff_ = backoff_min;
        pace_.observe(*look, heard_);
        view_.show(*look, pace_, json, heard_);
        if (look->has_ended()) end_ = *std::move(look);
        return {};
    }

    /// Stays on one connection to the events for as long as it lasts.
    Result<> follow() {
        const TimePoint connecting = clock_.now();
        Result<> taken;
        const auto outcome = client_.follow_job(job_, after_, deadline(), [&](const ServiceEvent& event) {
            after_ = event.id;
            taken = take(event.data);
            return taken.has_value() && !end_;
        });
        if (!taken) return taken;
        if (end_ || is_out_of_time()) return {};
        if (!outcome && !is_cut(outcome.error().code)) return give_up_events(outcome.error());
        // A connection that stood for a while shows that the hub is there, whatever became of it.
        if (clock_.now() - connecting > backoff_max) heard_ = clock_.now();
        if (!outcome && (!has_heard_ || clock_.now() - heard_ > hub_away_max)) return fail(outcome.error());
        wait(backoff_);
        backoff_ = std::min(backoff_ * 2, backoff_max);
        return {};
    }

    /// True for what a connection suffers, and a hub that goes down or comes up.
    static bool is_cut(Errc code) {
        return code == Errc::unreachable || code == Errc::connection_closed ||
               code == Errc::gateway_timeout || http_status(code) == 503;
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
        } else if (!has_heard_ || !is_passing(json.error().code) || clock_.now() - heard_ > hub_away_max) {
            return fail(json.error());
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
    const TimePoint begun_;
    TimePoint heard_;
    bool has_heard_ = false;
    bool has_events_ = true;
    std::string after_;
    std::chrono::milliseconds backoff_ = backoff_min;
    std::optional<JobReport> end_;
};

}  // namespace

Result<Exit> watch_job(ServiceClient& client, const std::string& job, const JobWatch& watch) {
    return Watching(client, job, watch).run();
}

}  // namespace carillon
