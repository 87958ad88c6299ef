#include "client/hub_fixture.hpp"

#include "base/json.hpp"
#include "store/rocks_store.hpp"

#include <algorithm>
#include <cstdlib>
#include <thread>

namespace carillon::client_test {

namespace {

std::string own_address() {
    const char* given = std::getenv("HUB_ADDRESS");
    return given != nullptr ? given : "127.63.0.30";
}

}  // namespace

const std::string HubTest::address = own_address();

void HubTest::SetUp() {
    const char* binary = std::getenv("HUB_BINARY");
    ASSERT_NE(binary, nullptr) << "HUB_BINARY names the program";
    std::string pattern = (std::filesystem::temp_directory_path() / "carillon-client-XXXXXX").string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    hub_ = std::make_unique<kill::HubProcess>(binary, folder_, address);
    start_hub();
    auto target = hub_->target();
    ASSERT_TRUE(target) << target.error().detail;
    target_ = *std::move(target);
    ServiceOptions options;
    options.connection_string = sas::to_text(target_.policy);
    options.ca_file = ca_file();
    options.address = address;
    options.port = target_.https.port;
    auto service = ServiceClient::open(options);
    ASSERT_TRUE(service) << service.error().detail;
    service_.emplace(*std::move(service));
}

void HubTest::TearDown() {
    service_.reset();
    hub_.reset();
    if (!HasFailure()) std::filesystem::remove_all(folder_);
}

void HubTest::start_hub() {
    hub_->start();
    wait_until(
        [this] {
            const auto ready = hub_->is_ready();
            CARILLON_ASSERT(ready);
            return *ready;
        },
        "the hub to be ready");
}

DeviceOptions HubTest::device(const std::string& id, const std::string& module) {
    const IdentityKey key = IdentityKey::parse(id, module).value();
    Result<std::string> made;
    if (module.empty()) {
        made = service().create_device(key.device, R"({"deviceId":")" + id + R"("})");
    } else {
        made = service().create_module(key, R"({"deviceId":")" + id + R"(","moduleId":")" + module + R"("})");
    }
    CARILLON_ASSERT(made);
    const auto identity = JsonDocument::parse(*made);
    sas::ConnectionString parts;
    parts.host_name = target_.host_name;
    parts.device_id = id;
    parts.module_id = module;
    parts.key = identity->root().find("authentication").find("symmetricKey").find("primaryKey").string();
    DeviceOptions options;
    options.connection_string = sas::to_text(parts);
    options.ca_file = ca_file();
    options.address = address;
    options.port = target_.mqtts.port;
    return options;
}

std::vector<std::string> HubTest::stored_bodies() {
    EXPECT_EQ(hub_->stop(), 0);
    const auto store = RocksStore::open(folder_ / "data" / "store");
    CARILLON_ASSERT(store);
    // docs/storage.md, `events`: the body is the last text of a message.
    std::vector<std::string> bodies;
    const auto scanned =
        (*store)->scan(Table::events, "", "", [&bodies](std::string_view, std::string_view value) {
            const std::size_t at = value.rfind("message-");
            if (at != std::string_view::npos) bodies.emplace_back(value.substr(at, Ledger::body(0).size()));
            return true;
        });
    EXPECT_TRUE(scanned);
    return bodies;
}

void wait_until(const std::function<bool()>& probe, const char* what) {
    const auto end = std::chrono::steady_clock::now() + patience;
    while (!probe()) {
        ASSERT_LT(std::chrono::steady_clock::now(), end) << "waited in vain for " << what;
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
}

std::function<void(const Delivery&)> Ledger::teller(int number) {
    return [this, number](const Delivery& delivery) {
        const std::lock_guard lock(mutex_);
        if (!fates_.emplace(number, delivery.fate).second) ++told_twice_;
        changed_.notify_all();
    };
}

void Ledger::wait_for_all(int messages) {
    std::unique_lock lock(mutex_);
    const auto wanted = static_cast<std::size_t>(messages);
    EXPECT_TRUE(changed_.wait_for(lock, patience, [&] { return fates_.size() >= wanted; }))
        << fates_.size() << " of " << wanted << " fates were told";
}

std::size_t Ledger::told() const {
    const std::lock_guard lock(mutex_);
    return fates_.size();
}

std::size_t Ledger::count(MessageFate fate) const {
    const std::lock_guard lock(mutex_);
    return static_cast<std::size_t>(
        std::count_if(fates_.begin(), fates_.end(), [fate](const auto& one) { return one.second == fate; }));
}

bool Ledger::is(int number, MessageFate fate) const {
    const std::lock_guard lock(mutex_);
    const auto found = fates_.find(number);
    return found != fates_.end() && found->second == fate;
}

int Ledger::told_twice() const {
    const std::lock_guard lock(mutex_);
    return told_twice_;
}

}  // namespace carillon::client_test
