// Direct-method round trips: a request to one of many devices, and its answer back to who asked.
#include "load/fleet.hpp"
#include "load/meter.hpp"
#include "load/modes.hpp"

#include <array>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace carillon::load {
namespace {

constexpr std::string_view request_payload = R"({"delay":5,"force":true})";
constexpr std::string_view response_payload = R"({"locked":true})";
constexpr std::uint32_t request_ids = 65535;

/// What the four kinds of drive share.
struct Run {
    Loop loop;
    TlsContext tls;
    Target target;
    std::uint64_t devices = 0;
    std::size_t in_flight = 0;
    std::size_t jobs = 0;
    std::string rollout;                      ///< Of each job; empty: none.
    std::chrono::milliseconds look_pause{0};  ///< Between looks at a job.
    Meter meter{0};

    /// Prints the time and the number of round trips so far, for a measurement from outside this process.
    void tell() {
        const std::chrono::duration<double> now = Clock::now().time_since_epoch();
        std::fprintf(stderr, "%.6f %llu\n", now.count(), static_cast<unsigned long long>(meter.trips()));
        loop.after(std::chrono::milliseconds(50), [this] { tell(); });
    }
    void measure(Duration warm_up, Duration window) {
        loop.run_for(warm_up);
        meter.begin();
        tell();
        loop.run_for(window);
        meter.end();
    }
};

/// Publishes requests over one connection to a broker, which relays them, and the answers back.
class RelayDrive final : public MqttPeer {
public:
    explicit RelayDrive(Run& run) : run_(run), client_(run.loop, run.tls, *this) {
        MqttOptions options = device_options(run.target, "controller");
        options.filters = {std::string(relay_response_filter)};
        client_.open(run.target.mqtts, run.target.host_name, 0, std::move(options));
    }
    bool is_lost() const { return is_lost_; }

private:
    void ready() override {
        for (std::size_t i = 0; i < run_.in_flight; ++i) send();
    }
    void message(std::string_view topic, std::string_view) override {
        std::uint32_t id = 0;
        for (const char digit : request_id_of(topic)) id = id * 10 + static_cast<std::uint32_t>(digit - '0');
        run_.meter.trip(Clock::now() - sent_[id % sent_.size()]);
        send();
    }
    void closed(const char*) override { is_lost_ = true; }

    void send() {
        const std::string device = device_id(next_device_++ % run_.devices);
        last_id_ = last_id_ % request_ids + 1;
        sent_[last_id_] = Clock::now();
        client_.publish(request_topic(run_.target, device, last_id_), request_payload);
    }

    Run& run_;
    MqttClient client_;
    std::array<Clock::time_point, request_ids + 1> sent_{};
    std::uint32_t last_id_ = 0;
    std::uint64_t next_device_ = 0;
    bool is_lost_ = false;
};

/// Calls `POST /twins/{id}/methods`, `in_flight` at a time, each over its own kept connection.
class RestDrive {
public:
    explicit RestDrive(Run& run)
        : run_(run),
          pool_(run.loop, run.tls, run.target.https, run.target.host_name, authorization(run.target),
                run.in_flight) {
        for (std::size_t i = 0; i < run.in_flight; ++i) send();
    }

private:
    void send() {
        HttpRequest request{"POST",
                            target_of("/twins/" + device_id(next_device_++ % run_.devices) + "/methods"),
                            R"({"methodName":"lockDoor","responseTimeoutInSeconds":30,"payload":)" +
                                std::string(request_payload) + "}",
                            ""};
        pool_.call(std::move(request), [this, began = Clock::now()](const HttpAnswer& answer) {
            if (answer.status == 200) {
                run_.meter.trip(Clock::now() - began);
            } else {
                run_.meter.failure();
            }
            send();
        });
    }

    Run& run_;
    HttpPool pool_;
    std::uint64_t next_device_ = 0;
};

/// Keeps `jobs` method jobs over all devices going; a round trip counts when a device answers, and
/// is durable soon after.
class JobDrive {
public:
    explicit JobDrive(Run& run)
        : run_(run),
          pool_(run.loop, run.tls, run.target.https, run.target.host_name, authorization(run.target),
                run.jobs) {
        for (std::size_t i = 0; i < run.jobs; ++i) start();
    }
    std::uint64_t ended() const { return ended_; }

private:
    void start() {
        const std::string id = "load-" + std::to_string(Clock::now().time_since_epoch().count());
        std::string job = method_job("*", "lockDoor", request_payload, 600);
        HttpRequest put{"PUT", target_of("/jobs/v2/" + id), with_rollout(std::move(job), run_.rollout), ""};
        pool_.call(std::move(put), [this, id](const HttpAnswer& answer) {
            if (answer.status == 200) return look(id);
            run_.meter.failure();
            start();
        });
    }
    void look(const std::string& id) {
        pool_.call({"GET", target_of("/jobs/v2/" + id), "", ""}, [this, id](const HttpAnswer& answer) {
            const JobLook job = parse_job(answer.body);
            if (job.is_ended()) {
                ++ended_;
                if (job.failed > 0) run_.meter.failure();
                start();
            } else {
                run_.loop.after(run_.look_pause, [this, id] { look(id); });
            }
        });
    }

    Run& run_;
    HttpPool pool_;
    std::uint64_t ended_ = 0;
};

}  // namespace

Result<> run_roundtrip(Options& options, JsonWriter& out) {
    Run run;
    auto target = options.target();
    if (!target) return fail(std::move(target).error());
    run.target = *std::move(target);
    const std::string drive = options.text("drive", "relay");
    run.devices = options.number("devices", 1000);
    run.in_flight = options.number("in-flight", 64);
    run.jobs = options.number("jobs", 2);
    run.rollout = options.text("rollout");
    run.look_pause = std::chrono::milliseconds(options.number("look-ms", 2));
    const auto window = std::chrono::seconds(options.number("seconds", 10));
    const auto warm_up = std::chrono::seconds(options.number("warm-up", 2));
    run.meter = Meter(static_cast<int>(options.number("server-pid", 0)));
    if (auto checked = options.check(); !checked) return checked;
    if ((drive == "relay") == run.target.is_hub()) {
        return fail(Errc::config_invalid, "--drive relay is for a broker, rest and job are for a hub");
    }

    Fleet fleet(run.loop, run.tls, run.target, {.devices = run.devices});
    const bool is_job = drive == "job";
    fleet.on_method([&run, is_job](std::uint64_t, std::string_view) {
        if (is_job) run.meter.trip();
        return std::string(response_payload);
    });
    if (!fleet.connect_and_wait()) {
        return fail(Errc::unreachable, "only " + std::to_string(fleet.ready_count()) +
                                           " devices connected; the last failed with: " + fleet.last_loss());
    }
    out.member("drive", drive)
        .member("devices", run.devices)
        .member("in_flight", std::uint64_t{run.in_flight});
    if (drive == "relay") {
        const auto relay = std::make_unique<RelayDrive>(run);
        run.measure(warm_up, window);
        if (relay->is_lost()) return fail(Errc::connection_closed, "the controller lost its connection");
    } else if (drive == "rest") {
        RestDrive rest(run);
        run.measure(warm_up, window);
    } else if (drive == "job") {
        JobDrive job(run);
        run.measure(warm_up, window);
        out.member("jobs_ended", job.ended());
    } else {
        return fail(Errc::config_invalid, "--drive is relay, rest or job");
    }
    run.meter.report(out);
    out.member("connections_lost", fleet.losses());
    return {};
}

}  // namespace carillon::load
