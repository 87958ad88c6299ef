#include "core/shard/methods.hpp"
#include "core/shard/throttles.hpp"
#include "core/testing/job_testing.hpp"

#include <fmt/core.h>
#include <boost/asio/post.hpp>

namespace carillon {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A hub of the service's edition S1, whose jobs work on ten devices a second.
class JobPace : public ::testing::Test {
protected:
    static constexpr int device_count = 40;

    JobPace() {
        HubOptions options;
        options.tier = TierProfile{};
        hub_.emplace(store_, clock_, 2, JobEngineLimits{}, 1, options);
        for (int i = 0; i < device_count; ++i) hub_->add_device(id(i));
    }
    static std::string id(int number) { return fmt::format("d{}", number); }
    void create(std::string_view body) {
        auto definition = parse_job("j", body, clock_.wall_now());
        CARILLON_ASSERT(definition);
        CARILLON_ASSERT(hub_->run((*hub_)->jobs().create(*std::move(definition))));
    }
    JobSnapshot look() { return *(*hub_)->jobs().snapshot("j"); }
    void pass(seconds time) {
        for (milliseconds gone{}; gone < time; gone += milliseconds(50)) hub_->advance(milliseconds(50));
    }

    ManualClock clock_{ten_o_clock};
    MemoryStore store_;
    std::optional<TestHub> hub_;
};

TEST_F(JobPace, ATwinJobPatchesTenDevicesASecondAndFailsNone) {
    create(twin_body("*"));
    EXPECT_EQ(look().counts->succeeded, 10U);
    EXPECT_EQ(look().counts->pending, 30U);
    pass(seconds(1));
    EXPECT_EQ(look().counts->succeeded, 20U);
    pass(seconds(3));
    EXPECT_EQ(look().counts->succeeded, 40U);
    EXPECT_EQ(look().counts->failed, 0U);
    EXPECT_EQ(look().status, JobStatus::completed);
}

TEST_F(JobPace, AMethodJobCallsTenDevicesASecond) {
    std::vector<std::unique_ptr<FakeLink>> links;
    std::size_t calls = 0;
    for (int i = 0; i < device_count; ++i) {
        auto& link = links.emplace_back(std::make_unique<FakeLink>());
        Record& record = *hub_->find(id(i));
        Shard& shard = (*hub_)->shards().owner(record.key.device);
        link->on_method = [&calls, &shard, &record](const FakeLink::Call& call) {
            ++calls;
            boost::asio::post(shard.executor(), [&shard, &record, number = call.id] {
                shard.methods().answered(record, number, 200, "");
            });
        };
        shard.attach(record, *link);
        shard.method_subscriptions_changed(record);
    }
    create(method_body("*"));
    EXPECT_EQ(calls, 10U);
    pass(seconds(2));
    EXPECT_EQ(calls, 30U);
    pass(seconds(2));
    EXPECT_EQ(look().counts->succeeded, 40U);
    EXPECT_EQ(look().status, JobStatus::completed);
}

TEST_F(JobPace, DevicesThatAreNotThereCostNothing) {
    create(method_body("*"));
    EXPECT_EQ(look().counts->pending, 40U);
    EXPECT_EQ((*hub_)->throttles().take_some(ThrottleClass::job_devices, 100, clock_.now()), 10U);
}

}  // namespace
}  // namespace carillon
