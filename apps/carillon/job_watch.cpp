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
#include <thread>

namespace carillon {

namespace {

constexpr std::chrono::seconds hub_away_max{60};
constexpr std::size_t failures_read_max = 1000;
constexpr std::size_t reasons_shown_max = 5;

/// Draws looks at a job, in place on a terminal, line by line elsewhere.
class ProgressView {
public:
    explicit ProgressView(const JobWatch& watch)
        : out_(watch.out), as_ndjson_(watch.as_ndjson), is_terminal_(isatty(fileno(watch.out)) != 0) {}

    void show(const JobLook& look, const JobPace& pace, const std::string& json) {
        if (is_terminal_ && !as_ndjson_) {
            redraw(progress_block(look, pace, width()));
        } else if (!shown_ || !(look == last_)) {
            print(as_ndjson_ ? compact(json) : look.id + "  " + progress_line(look, pace));
        }
        shown_ = true;
        last_ = look;
    }

    void say(const std::string& line) {
        if (as_ndjson_) return;
        print(line);
        lines_drawn_ = 0;
    }

private:
    static std::string compact(const std::string& json) {
        const auto document = JsonDocument::parse(json);
        return document ? compact_json(document->root()) : json;
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
        lines_drawn_ = block.size();
        std::fputs(text.c_str(), out_);
        std::fflush(out_);
    }

    std::FILE* out_;
    bool as_ndjson_;
    bool is_terminal_;
    bool shown_ = false;
    JobLook last_;
    std::size_t lines_drawn_ = 0;
};

bool is_passing(Errc code) {
    return code == Errc::unreachable || code == Errc::connection_closed || http_status(code) == 503 ||
           http_status(code) == 429;
}

/// Why devices failed, most frequent first; from the first rows, if there are very many.
Result<> say_reasons(ServiceClient& client, const JobLook& look, ProgressView& view) {
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
    if (read < look.failed) view.say("  (of the first " + with_thousands(read) + " failures)");
    return {};
}

Result<Exit> outcome(ServiceClient& client, const JobLook& look, ProgressView& view) {
    if (look.status == "failed") {
        view.say("job " + look.id + " failed: " + look.failure_reason);
        return Exit::failed;
    }
    if (look.failed > 0) {
        // The reasons are a courtesy; the outcome stands without them.
        if (auto said = say_reasons(client, look, view); !said)
            view.say("  (reasons: " + said.error().detail + ")");
        return Exit::devices_failed;
    }
    return look.status == "completed" ? Exit::ok : Exit::failed;
}

}  // namespace

Result<Exit> watch_job(ServiceClient& client, const std::string& job, const JobWatch& watch) {
    SystemClock clock;
    ProgressView view(watch);
    JobPace pace;
    const TimePoint begun = clock.now();
    TimePoint heard = begun;
    bool has_heard = false;
    for (;;) {
        const auto json = client.find_job(job);
        const TimePoint now = clock.now();
        if (json) {
            const auto look = read_job_look(*json);
            if (!look) return fail(look.error());
            has_heard = true;
            heard = now;
            pace.observe(*look, now);
            view.show(*look, pace, *json);
            if (look->is_over()) return outcome(client, *look, view);
        } else if (!has_heard || !is_passing(json.error().code) || now - heard > hub_away_max) {
            return fail(json.error());
        }
        if (watch.duration_max.count() > 0 && now - begun >= watch.duration_max) {
            view.say("job " + job + " goes on; `carillon job watch " + job + "` looks again");
            return Exit::timed_out;
        }
        std::this_thread::sleep_for(watch.interval);
    }
}

}  // namespace carillon
