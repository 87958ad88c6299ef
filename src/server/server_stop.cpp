#include "server/server_parts.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <thread>

namespace carillon {
namespace {

/// For what an import or export job has under way.
constexpr std::chrono::milliseconds transfer_rest_max{500};

}  // namespace

// --- running -----------------------------------------------------------------------------------

Server::Server(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Server::~Server() {
    stop();
}

const Server::Summary& Server::summary() const {
    return parts_->summary;
}

Result<> Server::reload(const ServerConfig& config) {
    // Names and addresses in the certificates stay those the hub was started with.
    const std::lock_guard lock(parts_->tls_changes);
    ServerConfig next = with_live_changes(parts_->config, config);
    const auto trusted = parts_->authorities ? parts_->authorities->trusted() : std::vector<std::string>();
    if (auto renewed = parts_->renew_tls(next, trusted); !renewed) return renewed;
    set_up_log(next);
    const std::string restart = names_of_changes(next, config);
    if (!restart.empty()) log.warn("settings changed that take effect at the next start keys={}", restart);
    parts_->settings.reloaded(next, config);
    parts_->config = std::move(next);
    if (parts_->reading == nullptr) parts_->audit->note_hub("reload");
    return {};
}

bool Server::is_well() {
    const bool is_well = parts_->loops->stuck().empty();
    parts_->loops->ask();
    return is_well;
}

// --- stopping ----------------------------------------------------------------------------------

/// False if it does not end for `drain_max`; then it goes on by itself.
bool Server::Parts::wait_for_end(Task<> task) const {
    auto end = boost::asio::co_spawn((*threads)[0].executor(), std::move(task), boost::asio::use_future);
    return end.wait_for(drain_max) == std::future_status::ready;
}

void Server::rest() {
    parts_->config.drain_s = 0;
    parts_->wait_for_end(parts_->hub->jobs().rest());
}

std::size_t Server::methods_in_flight() const {
    return parts_->hub->jobs().methods_in_flight();
}

void Server::stop(const std::function<void()>& tick) {
    Parts& parts = *parts_;
    if (!parts.runs) return;
    parts.runs = false;
    if (!parts.config.ready_file.empty()) {
        std::error_code ignored;
        std::filesystem::remove(parts.config.ready_file, ignored);
    }
    if (parts.pages) parts.pages->stopping();
    for (auto& listener : parts.listeners) listener->stop();
    log.info("ports closed");  // Whoever connects from here on is served by the next hub, if there is one.
    if (parts.provisioning_reach) parts.provisioning_reach->stop();
    parts.wait_for_end(parts.hub->jobs().stop());
    parts.wait_for_end(parts.hub->configurations().stop());
    auto resting = boost::asio::co_spawn((*parts.threads)[0].executor(), parts.hub->transfers().stop(),
                                         boost::asio::use_future);
    if (resting.wait_for(transfer_rest_max) != std::future_status::ready) {
        parts.blobs->stop();  // A server on the web may keep the job waiting longer.
        resting.wait_for(drain_max);
    }
    parts.wait_for_end(parts.hub->events().routing().stop());
    if (parts.config.drain_s > 0) {
        end_connections_slowly(*parts.threads, parts.clock, std::chrono::seconds(parts.config.drain_s), tick);
    }
    if (tick) tick();
    on_each_thread(*parts.threads, drain_max, [](IoThread& thread) { thread.shut_down_connections(); });
    const bool drained = parts.wait_for(
        [&parts] { return parts.threads->connections() == 0 && parts.rest->requests_running() == 0; });
    if (!drained) {
        log.warn("connections cut at shutdown count={}", parts.threads->connections());
        on_each_thread(*parts.threads, drain_max, [](IoThread& thread) { thread.abort_connections(); });
        parts.wait_for([&parts] { return parts.threads->connections() == 0; });
    }
    parts.flush_commits();
    if (parts.admin) parts.admin->stop();
    parts.model_threads.reset();  // Each message that is being answered comes to its end.
    parts.threads->stop();
    if (parts.spans) parts.spans->follow_nothing();
    if (parts.seat) parts.seat->store->give_up_waiting();
    parts.transfer_thread.reset();
    parts.blobs->stop();  // Whoever looks at an input on the web waits no longer.
    parts.lookout.reset();
    parts.provisioning_reach.reset();
    parts.device_files.reset();
    parts.backups.reset();
    parts.event_threads.reset();
    parts.storage.clear();  // Each finishes what it has.
    log.info("stopped");
}

bool Server::Parts::wait_for(const std::function<bool()>& done) const {
    const TimePoint end = clock.now() + drain_max;
    while (!done()) {
        if (clock.now() >= end) return false;
        std::this_thread::sleep_for(look_step);
    }
    return true;
}

/// What was written before this call is on disk when it returns, or refused.
void Server::Parts::flush_commits() {
    std::vector<std::shared_ptr<std::promise<void>>> flushed;
    for (std::size_t i = 0; i < hub->shards().count(); ++i) {
        flushed.push_back(std::make_shared<std::promise<void>>());
        threads->of_shard(i).post([&shard = hub->shards()[i], done = flushed.back()] {
            shard.committer().on_durable([done](const Result<>& result) {
                if (!result) log.error("last commit failed reason={}", result.error().detail);
                done->set_value();
            });
        });
    }
    for (const auto& done : flushed) done->get_future().wait_for(drain_max);
}

}  // namespace carillon
