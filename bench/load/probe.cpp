#include "load/probe.hpp"

#include "load/fleet.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cstdlib>
#include <sstream>
#include <string>
#include <utility>

namespace carillon::load {
namespace {

using Series = std::array<Samples, asked_names.size()>;

/// The process's own side: asks, and does as its standard of commands says.
class Prober final : private Loop::Handler {
public:
    Prober(const Target& target, std::uint64_t first, std::uint64_t devices, int commands, int answers)
        : target_(target),
          fleet_(loop_, tls_, target_, {.first = first, .devices = devices}),
          first_(first),
          devices_(devices),
          commands_(commands),
          answers_(answers) {
        fleet_.on_method([](std::uint64_t, std::string_view) { return std::string("null"); });
    }

    void run() {
        answer(fleet_.connect_and_wait() ? "ready" : "devices cannot connect: " + fleet_.last_loss());
        loop_.add(commands_, *this);
        loop_.run();
    }

private:
    void ready(std::uint32_t) override {
        std::array<char, 512> bytes;
        for (;;) {
            const ssize_t count = ::read(commands_, bytes.data(), bytes.size());
            if (count == 0) ::_exit(1);  // Whoever asked is gone.
            if (count < 0) break;
            partial_.append(bytes.data(), static_cast<std::size_t>(count));
        }
        for (std::size_t end; (end = partial_.find('\n')) != std::string::npos; partial_.erase(0, end + 1)) {
            obey(partial_.substr(0, end));
        }
    }
    void flush() override {}

    void obey(const std::string& line) {
        std::istringstream in(line);
        std::string verb;
        in >> verb >> job_;
        into_ = verb == "busy" ? &busy_ : verb == "quiet" ? &quiet_ : nullptr;
        if (verb == "end") {
            std::ostringstream out;
            out << failures_;
            for (Series* series : {&quiet_, &busy_}) {
                for (Samples& samples : *series)
                    out << ' ' << samples.count() << ' ' << samples.percentile(50) << ' '
                        << samples.percentile(99);
            }
            answer(out.str());
            loop_.stop();
            return;
        }
        if (into_ != nullptr && !has_begun_) {
            has_begun_ = true;
            for (std::size_t i = 0; i < pools_.size(); ++i) ask(static_cast<Asked>(i));
        }
        answer("done");
    }

    void ask(Asked what) {
        const auto again = [this, what] { loop_.after(Probe::pause, [this, what] { ask(what); }); };
        if (into_ == nullptr) return again();
        const std::string device = device_id(first_ + next_++ % devices_);
        HttpRequest request{"GET", target_of("/jobs/v2/" + job_), "", ""};
        if (what == Asked::twin) request.target = target_of("/twins/" + device);
        if (what == Asked::method) {
            request = {"POST", target_of("/twins/" + device + "/methods"),
                       R"({"methodName":"ping","responseTimeoutInSeconds":30,"payload":null})", ""};
        }
        Series* const began_in = into_;
        pools_[static_cast<std::size_t>(what)].call(
            std::move(request), [this, what, again, began_in, began = Clock::now()](const HttpAnswer& got) {
                (*began_in)[static_cast<std::size_t>(what)].add(Clock::now() - began);
                failures_ += got.status == 200 ? 0 : 1;
                again();
            });
    }

    void answer(std::string line) const {
        line += '\n';
        if (::write(answers_, line.data(), line.size()) != static_cast<ssize_t>(line.size())) ::_exit(1);
    }
    HttpPool pool() { return {loop_, tls_, target_.https, target_.host_name, authorization(target_), 1}; }

    const Target& target_;
    Loop loop_;
    TlsContext tls_;
    Fleet fleet_;
    std::array<HttpPool, asked_names.size()> pools_{pool(), pool(), pool()};
    std::uint64_t first_;
    std::uint64_t devices_;
    int commands_;
    int answers_;
    std::string partial_;
    std::string job_;
    Series quiet_, busy_;
    Series* into_ = nullptr;  ///< Null while it rests.
    bool has_begun_ = false;
    std::uint64_t next_ = 0;
    std::uint64_t failures_ = 0;
};

}  // namespace

Result<Probe> Probe::start(const Target& target, std::uint64_t first, std::uint64_t devices) {
    std::array<int, 2> commands;
    std::array<int, 2> answers;
    CARILLON_ASSERT(::pipe2(commands.data(), O_CLOEXEC) == 0 && ::pipe2(answers.data(), O_CLOEXEC) == 0);
    const pid_t process = ::fork();
    CARILLON_ASSERT(process >= 0);
    if (process == 0) {
        ::close(commands[1]);
        ::close(answers[0]);
        CARILLON_ASSERT(::fcntl(commands[0], F_SETFL, O_NONBLOCK) == 0);
        Prober(target, first, devices, commands[0], answers[1]).run();
        ::_exit(0);
    }
    ::close(commands[0]);
    ::close(answers[1]);
    Probe probe(process, commands[1], answers[0]);
    if (const std::string line = probe.ask(""); line != "ready")
        return fail(Errc::unreachable, "the probe: " + line);
    return probe;
}

Probe::Probe(Probe&& other) noexcept
    : process_(std::exchange(other.process_, 0)),
      commands_(std::exchange(other.commands_, -1)),
      answers_(std::exchange(other.answers_, -1)) {}

Probe::~Probe() {
    if (process_ == 0) return;
    ::close(commands_);
    ::close(answers_);
    ::waitpid(process_, nullptr, 0);
}

std::string Probe::ask(const std::string& line) {
    if (!line.empty() && ::write(commands_, line.data(), line.size()) != static_cast<ssize_t>(line.size()))
        return {};
    std::string answer;
    for (char c; ::read(answers_, &c, 1) == 1 && c != '\n';) answer += c;
    return answer;
}

void Probe::measure(bool is_busy, const std::string& job) {
    ask((is_busy ? "busy " : "quiet ") + job + "\n");
}

void Probe::rest() {
    ask("rest -\n");
}

Result<Probe::Findings> Probe::finish() {
    std::istringstream in(ask("end -\n"));
    std::uint64_t failures = 0;
    Findings found;
    in >> failures;
    for (ProbeFigures* figures : {&found.quiet, &found.busy}) {
        for (Percentiles& one : *figures) in >> one.count >> one.p50_us >> one.p99_us;
    }
    if (!in || failures > 0)
        return fail(Errc::io_failed, std::to_string(failures) + " requests of the probe failed");
    return found;
}

}  // namespace carillon::load
