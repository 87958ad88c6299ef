#pragma once

#include "core/hub/policies.hpp"
#include "core/shard/methods.hpp"
#include "core/shard/placement.hpp"
#include "core/shard/shard.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

namespace carillon {

class Configurations;
class Jobs;
class Queries;
class Transfers;
class Throttles;
struct HubOptions;       // core/hub/hub_options.hpp
struct JobEngineLimits;  // core/jobs/jobs.hpp

/// The whole hub as endpoints see it: which shard owns a device, what the hub is called, its
/// policies, and the services that span shards. Safe from any thread once it runs.
class Hub {
public:
    /// `token_key` is the hub's secret for continuation tokens; it survives restarts.
    Hub(std::vector<std::unique_ptr<Shard>> shards, Policies policies, std::vector<std::string> host_names,
        const JobEngineLimits& jobs, std::string token_key, const HubOptions& options);
    ~Hub();

    std::size_t shard_count() const { return shards_.size(); }
    Shard& shard(std::size_t number) { return *shards_[number]; }
    Shard& owner(const DeviceId& device) { return *shards_[shard_number(device.str(), shards_.size())]; }

    const Policies& policies() const { return policies_; }
    /// Names this hub answers to, the first in connection strings.
    const std::vector<std::string>& host_names() const { return host_names_; }
    Jobs& jobs() { return *jobs_; }
    Queries& queries() { return *queries_; }
    Transfers& transfers() { return *transfers_; }
    Configurations& configurations() { return *configurations_; }
    Throttles& throttles() { return *throttles_; }

    /// Runs `task` on the shard's thread and resumes here with its result.
    template <class T>
    Task<T> on(Shard& shard, Task<T> task) {
        const boost::asio::any_io_executor here = co_await boost::asio::this_coro::executor;
        if (here == shard.executor()) co_return co_await std::move(task);
        co_return co_await boost::asio::co_spawn(shard.executor(), std::move(task),
                                                 boost::asio::use_awaitable);
    }
    /// Runs a short function that does not wait on the shard's thread and resumes here with its result.
    template <class F>
    auto call(Shard& shard, F function) -> Task<std::invoke_result_t<F, Shard&>> {
        return on(shard, call_there(&shard, std::move(function)));
    }

private:
    template <class F>
    static auto call_there(Shard* shard, F function) -> Task<std::invoke_result_t<F, Shard&>> {
        co_return function(*shard);
    }

    std::vector<std::unique_ptr<Shard>> shards_;
    Policies policies_;
    std::vector<std::string> host_names_;
    std::unique_ptr<Throttles> throttles_;
    std::unique_ptr<Jobs> jobs_;
    std::unique_ptr<Queries> queries_;
    std::unique_ptr<Transfers> transfers_;
    std::unique_ptr<Configurations> configurations_;
};

}  // namespace carillon
