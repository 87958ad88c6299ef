#pragma once

#include "carillon/device_client.hpp"
#include "carillon/service_client.hpp"
#include "kill/hub_process.hpp"

#include <gtest/gtest.h>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace carillon::client_test {

/// Waits end a run in which something hangs; none decides a test.
inline constexpr std::chrono::seconds patience{60};

/// A test with a hub of its own, the binary that HUB_BINARY names, on the loopback address HUB_ADDRESS, or 127.63.0.30.
class HubTest : public ::testing::Test {
protected:
    static const std::string address;

    void SetUp() override;
    void TearDown() override;

    /// Starts the hub, again on the same data and ports, and waits until it is ready.
    void start_hub();
    kill::HubProcess& hub() { return *hub_; }
    const load::Target& target() const { return target_; }
    ServiceClient& service() { return *service_; }
    std::string ca_file() const { return (folder_ / "data" / "ca.pem").string(); }
    const std::filesystem::path& folder() const { return folder_; }

    /// Options of a device, or module, that is created with them.
    DeviceOptions device(const std::string& id, const std::string& module = {});
    /// The bodies of telemetry that the hub has on disk, in the order it was taken; stops the hub.
    std::vector<std::string> stored_bodies();

private:
    std::filesystem::path folder_;
    std::unique_ptr<kill::HubProcess> hub_;
    load::Target target_;
    std::optional<ServiceClient> service_;
};

/// Calls `probe` until it says true.
void wait_until(const std::function<bool()>& probe, const char* what);

/// Numbered messages and their fates. Any thread.
class Ledger {
public:
    /// The body of message `number`.
    static std::string body(int number) { return "message-" + std::to_string(1'000'000 + number); }

    std::function<void(const Delivery&)> teller(int number);
    void wait_for_all(int messages);
    std::size_t told() const;
    /// How many have this fate.
    std::size_t count(MessageFate fate) const;
    bool is(int number, MessageFate fate) const;
    /// How often a fate was told that had been told already.
    int told_twice() const;

private:
    mutable std::mutex mutex_;  ///< Guards all below.
    mutable std::condition_variable changed_;
    std::map<int, MessageFate> fates_;
    int told_twice_ = 0;
};

}  // namespace carillon::client_test
