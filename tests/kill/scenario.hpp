#pragma once

#include "kill/findings.hpp"
#include "kill/hub_process.hpp"
#include "load/fleet.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace carillon::kill {

/// A job this test ordered, and what has been seen of it.
struct Job {
    std::string id;
    bool is_method = false;
    bool is_unheard = false;       ///< A PUT got no answer; it may have been accepted.
    bool is_acknowledged = false;  ///< A PUT was answered with 200, or with 409 after an unheard one.
    bool is_known = false;         ///< Acknowledged, or seen.
    load::JobLook last;
    std::vector<std::uint8_t> deliveries;  ///< Of a method job: requests each device got.
};

/// What was written to one device by REST, as numbers that rise: what is stored lies between the
/// last that was acknowledged and the last that was sent.
struct Written {
    std::uint64_t sent = 0;
    std::uint64_t acknowledged = 0;
};

struct FleetShape {
    std::uint64_t devices = 0;    ///< Registered; every job is over all of them.
    std::uint64_t connected = 0;  ///< The first so many, whenever the hub lets them.
    int execution_s = 0;          ///< How long a method job waits for the others.
};

/// Everything that goes on while the hub is killed and restarted: a fleet that answers methods and
/// comes back when cut off, jobs ordered and watched, twins and identities written. One thread.
class Scenario {
public:
    Scenario(load::Loop& loop, load::TlsContext& tls, const load::Target& target, const FleetShape& shape,
             std::uint64_t seed, Findings& findings);
    ~Scenario();

    /// Registers the devices and connects them.
    Result<> prepare();
    /// Writes twins and identities, one write at a time on each of some lanes, until told.
    void start_writing();
    void stop_writing() { is_writing_ = false; }
    /// Orders a job over every device.
    void order(bool is_method);
    /// Looks at each job that has not ended, again and again, until told.
    void start_watching();
    void stop_watching() { is_watching_ = false; }

    bool is_all_ended() const;
    std::vector<Job>& jobs() { return jobs_; }
    const std::vector<Written>& twins_written() const { return twins_; }
    const std::vector<Written>& identities_written() const { return identities_; }
    load::HttpPool& pool() { return pool_; }
    load::Fleet& fleet() { return fleet_; }
    std::uint64_t devices() const { return devices_; }
    std::uint64_t looks() const { return looks_; }
    std::uint64_t writes() const { return writes_; }
    std::uint64_t notifications() const { return notifications_; }

private:
    void write();
    void put(std::size_t index, const std::string& body);
    void look(std::size_t index);
    void judge(Job& job, bool was_known, int status, const std::string& body);
    void method_came(std::uint64_t device, std::string_view request_id, std::string_view payload);
    void desired_came(std::uint64_t device, std::string_view body);
    std::uint64_t random(std::uint64_t below) { return random_() % below; }

    load::Loop& loop_;
    std::uint64_t devices_;
    int execution_s_;
    std::mt19937_64 random_;
    Findings& findings_;
    load::HttpPool pool_;
    load::Fleet fleet_;
    std::vector<Job> jobs_;
    std::vector<Written> twins_;
    std::vector<Written> identities_;
    std::vector<std::int64_t> desired_seen_;  ///< The newest `$version` each device was told.
    bool is_writing_ = false;
    bool is_watching_ = false;
    std::uint64_t looks_ = 0;
    std::uint64_t writes_ = 0;
    std::uint64_t notifications_ = 0;
};

/// Holds what the hub says once all is quiet against what was seen and acknowledged.
void check_outcome(Scenario& scenario, Findings& findings);

}  // namespace carillon::kill
