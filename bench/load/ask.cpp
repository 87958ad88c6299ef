// One request after the other over one connection: a statement, or a read of a twin.
#include "load/measure.hpp"
#include "load/modes.hpp"

#include <chrono>
#include <string>

namespace carillon::load {

Result<> run_ask(Options& options, JsonWriter& out) {
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    const std::string statement = options.text("statement");
    const std::string device = options.text("read");
    const std::uint64_t page_size = options.number("page-size", 100);
    const std::uint64_t repeats = options.number("repeats", 100);
    const std::uint64_t seconds = options.number("seconds", 0);
    const auto pause = std::chrono::milliseconds(options.number("pause-ms", 0));
    const int pid = static_cast<int>(options.number("server-pid", 0));
    if (auto checked = options.check(); !checked) return checked;
    if (statement.empty() == device.empty()) return fail(Errc::config_invalid, "give --statement or --read");

    HttpRequest request{"GET", target_of("/twins/" + device), "", ""};
    if (!statement.empty()) {
        std::string body;
        JsonWriter(body).begin_object().member("query", statement).end_object();
        request = {"POST", target_of("/devices/query"), std::move(body),
                   "x-ms-max-item-count: " + std::to_string(page_size) + "\r\n"};
    }
    Loop loop;
    TlsContext tls;
    HttpPool pool(loop, tls, target->https, target->host_name, authorization(*target), 1);
    Samples samples;
    HttpAnswer answer;
    const double cpu_before = read_process(pid).cpu_s;
    const auto began = Clock::now();
    auto is_enough = [&] {
        return seconds == 0 ? samples.count() == repeats
                            : seconds_between(began, Clock::now()) > static_cast<double>(seconds);
    };
    double first_us = 0;
    do {
        const auto asked = Clock::now();
        answer = pool.call_and_wait(request);
        if (answer.status != 200)
            return fail(Errc::io_failed, "answered " + std::to_string(answer.status) + ": " + answer.body);
        samples.add(Clock::now() - asked);
        if (samples.count() == 1) first_us = samples.percentile(100);
        if (pause.count() > 0) loop.run_for(pause);
    } while (!is_enough());
    const auto json = JsonDocument::parse(answer.body);
    if (!json) return fail(json.error());
    const ProcessUse use = read_process(pid);
    out.member("count", samples.count()).member("first_us", first_us);
    out.member("p50_us", samples.percentile(50)).member("p99_us", samples.percentile(99));
    out.member("server_cpu_us", (use.cpu_s - cpu_before) * 1e6 / static_cast<double>(samples.count()));
    out.member("resident_bytes", use.resident_bytes);
    if (!statement.empty()) {
        out.member("items", json->root().size());
        out.key("first_item").raw(json->root().size() > 0 ? json->root().first().raw() : "null");
    }
    return {};
}

}  // namespace carillon::load
