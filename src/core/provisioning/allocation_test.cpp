// Where a device belongs, when its enrollment leaves that to a webhook.
#include "core/provisioning/allocation.hpp"

#include "core/provisioning/provisioning.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>
#include <functional>
#include <map>
#include <utility>

namespace carillon {
namespace {

using Kind = Enrollment::Kind;

/// Answers as it is told, and keeps what it was asked.
struct FakeWebhooks final : AllocationWebhooks {
    std::function<Result<std::string>()> answer = [] {
        return Result<std::string>(R"({"iotHubHostName":"hub.example.net"})");
    };
    std::vector<std::string> questions;

    Result<> check(std::string_view url) const override {
        if (url.starts_with("https:")) return {};
        return fail(Errc::argument_invalid, "not there");
    }
    Result<std::string> ask(const std::string&, const std::string& question) override {
        questions.push_back(question);
        return answer();
    }
};

/// Other hubs, as maps of what is there.
struct FakeHubs final : LinkedHubs {
    std::vector<std::string> all{"east.example.net", "west.example.net"};
    std::map<std::pair<std::string, std::string>, PlacedDevice> devices;
    bool is_away = false;

    const std::vector<std::string>& names() const override { return all; }
    Result<bool> place(const std::string& hub, const PlacedDevice& device) override {
        if (is_away) return fail(Errc::unreachable, "away");
        auto [at, is_new] = devices.try_emplace({hub, device.device_id}, device);
        const std::string twin = is_new || device.replaces_twin ? device.twin : at->second.twin;
        at->second = device;
        at->second.twin = twin;
        return !is_new;
    }
    Result<std::string> twin(const std::string& hub, const std::string& id) override {
        if (is_away) return fail(Errc::unreachable, "away");
        const auto found = devices.find({hub, id});
        return found != devices.end() ? found->second.twin : std::string();
    }
    Result<> remove(const std::string& hub, const std::string& id) override {
        devices.erase({hub, id});
        return {};
    }
};

constexpr const char* custom =
    R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"custom","initialTwin":{"tags":{"a":1}},)"
    R"("customAllocationDefinition":{"webhookUrl":"https://w.example/","apiVersion":"2019-03-31"}})";

class AllocationTest : public ::testing::Test {
protected:
    AllocationTest() {
        hub_->provisioning().use({"0ne00ABCDEF"});
        hub_->provisioning().use(webhooks_, hubs_, hub_.storage());
    }
    Result<Enrollment> put(std::string body) {
        return hub_.run(hub_->provisioning().put(Kind::individual, "d", std::move(body),
                                                 {.kind = EtagMatch::Kind::absent, .etag = {}}));
    }
    Result<Registration> enter(std::string payload = {}) {
        const auto found = *hub_.run(hub_->provisioning().enrollees("d"));
        return hub_.run(hub_->provisioning().register_device({.enrollee = found.at(0),
                                                              .certificate_sha256 = {},
                                                              .api_version = "2021-10-01",
                                                              .payload = std::move(payload)}));
    }
    void answer(std::string body) {
        webhooks_.answer = [body] { return Result<std::string>(body); };
    }
    std::string tags() {
        std::string out;
        hub_.find("d")->committed->twin.tags.append_json(out, SectionForm::plain);
        return out;
    }

    ManualClock clock_{WallTime::from_unix_s(1'800'000'000)};
    MemoryStore store_;
    FakeWebhooks webhooks_;
    FakeHubs hubs_;
    testing::TestHub hub_{store_, clock_, 4};
};

TEST_F(AllocationTest, TheWebhookGetsTheDeviceWithoutKeys) {
    const auto made = put(custom);
    ASSERT_TRUE(made) << made.error().detail;
    ASSERT_TRUE(enter(R"({"model":7})"));
    ASSERT_TRUE(enter());
    ASSERT_EQ(webhooks_.questions.size(), 2U);
    const std::string& first = webhooks_.questions[0];
    EXPECT_NE(first.find(R"("individualEnrollment":{"registrationId":"d")"), std::string::npos) << first;
    EXPECT_NE(
        first.find(R"("deviceRuntimeContext":{"registrationId":"d","symmetricKey":{},"payload":)"
                   R"({"model":7}},"linkedHubs":["hub.example.net","east.example.net","west.example.net"]})"),
        std::string::npos)
        << first;
    EXPECT_EQ(first.find(made->primary_key), std::string::npos);
    EXPECT_NE(
        webhooks_.questions[1].find(R"("currentIotHubHostName":"hub.example.net","currentDeviceId":"d")"),
        std::string::npos);
}

TEST_F(AllocationTest, ItsTwinTakesThePlaceOfTheEnrollmentsAndItsPayloadReachesTheDevice) {
    ASSERT_TRUE(put(custom));
    const auto before = enter();
    ASSERT_TRUE(before);
    EXPECT_EQ(before->payload, "");
    EXPECT_EQ(tags(), R"({"a":1})");
    answer(R"({"iotHubHostName":"HUB.example.net","initialTwin":{"tags":{"b":2}},"payload":{"hello":[1]}})");
    const auto registered = enter();
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->status, RegistrationStatus::assigned);
    EXPECT_EQ(registered->assigned_hub, "hub.example.net");
    EXPECT_EQ(registered->substatus, "deviceDataReset");
    EXPECT_EQ(tags(), R"({"b":2})");
    const auto kept = hub_.run(hub_->provisioning().find_registration("d"));
    std::string json;
    append_registration_json(json, *kept);
    EXPECT_NE(json.find(R"("payload":{"hello":[1]})"), std::string::npos) << json;
}

TEST_F(AllocationTest, AWrongAnswerFailsTheRegistrationAndMakesNoDevice) {
    ASSERT_TRUE(put(custom));
    for (const char* wrong : {"", "[]", "{}", R"({"iotHubHostName":"other.example.net"})",
                              R"({"iotHubHostName":"hub.example.net","initialTwin":5})",
                              R"({"iotHubHostName":"hub.example.net","initialTwin":{"tags":{"a.b":1}}})"}) {
        answer(wrong);
        const auto registered = enter();
        ASSERT_TRUE(registered) << wrong;
        EXPECT_EQ(registered->status, RegistrationStatus::failed) << wrong;
        EXPECT_FALSE(registered->error_message.empty()) << wrong;
        EXPECT_EQ(hub_.find("d"), nullptr) << wrong;
    }
    webhooks_.answer = [] { return fail(Errc::argument_invalid, "the webhook answers with status 500"); };
    const auto registered = enter();
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->error_code, 400207);
    EXPECT_EQ(registered->error_message, "Custom allocation failed: the webhook answers with status 500");
    webhooks_.answer = [] { return fail(Errc::service_unavailable, "The hub is stopping."); };
    EXPECT_EQ(enter().error().code, Errc::service_unavailable) << "the device is to come again";
}

TEST_F(AllocationTest, IsNotAskedAboutADeviceThatStaysWhereItIs) {
    std::string never = custom;
    never.insert(never.size() - 1,
                 R"(,"reprovisionPolicy":{"updateHubAssignment":false,"migrateDeviceData":false})");
    ASSERT_TRUE(put(never));
    answer(R"({"iotHubHostName":"hub.example.net","payload":1})");
    ASSERT_TRUE(enter());
    const auto again = enter();
    ASSERT_TRUE(again);
    EXPECT_EQ(webhooks_.questions.size(), 1U);
    EXPECT_EQ(again->payload, "1");
}

TEST_F(AllocationTest, WaitsForSoManyAndNoMore) {
    ASSERT_TRUE(put(custom));
    std::vector<Enrollee> enrollees;
    for (std::size_t i = 0; i <= EnrollmentLimits::webhook_calls_max; ++i) {
        const std::string id = "d" + std::to_string(i);
        ASSERT_TRUE(hub_.run(hub_->provisioning().put(Kind::individual, id, custom, {})));
        enrollees.push_back(hub_.run(hub_->provisioning().enrollees(id))->at(0));
    }
    std::vector<std::shared_ptr<std::optional<Result<Registration>>>> waiting;
    for (Enrollee& enrollee : enrollees) {
        waiting.push_back(hub_.begin(hub_->provisioning().register_device(
            {.enrollee = std::move(enrollee), .certificate_sha256 = {}, .api_version = "2021-10-01"})));
    }
    hub_.poll();
    ASSERT_TRUE(waiting.back()->has_value());
    EXPECT_EQ((**waiting.back()).error().code, Errc::throttling_exception);
    hub_.settle();
    for (std::size_t i = 0; i < EnrollmentLimits::webhook_calls_max; ++i) ASSERT_TRUE(**waiting[i]);
    EXPECT_TRUE(enter()) << "there is room again";
}

TEST_F(AllocationTest, ADeviceMovesWithItsTwinAndIsAtOneHub) {
    ASSERT_TRUE(put(custom));
    answer(R"({"iotHubHostName":"east.example.net"})");
    auto registered = enter();
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->assigned_hub, "east.example.net");
    EXPECT_EQ(registered->substatus, "initialAssignment");
    EXPECT_EQ(hub_.find("d"), nullptr);
    const auto& there = hubs_.devices.at({"east.example.net", "d"});
    EXPECT_EQ(there.twin, R"({"tags":{"a":1}})");
    EXPECT_NE(there.authentication.find(R"("type":"sas")"), std::string::npos) << there.authentication;
    // What the device became there goes with it, from hub to hub.
    hubs_.devices.at({"east.example.net", "d"}).twin = R"({"tags":{"a":3},"properties":{"desired":{"b":4}}})";
    answer(R"({"iotHubHostName":"hub.example.net"})");
    registered = enter();
    ASSERT_TRUE(registered);
    EXPECT_EQ(registered->assigned_hub, "hub.example.net");
    EXPECT_EQ(registered->substatus, "deviceDataMigrated");
    EXPECT_TRUE(hubs_.devices.empty());
    EXPECT_EQ(tags(), R"({"a":3})");
    answer(R"({"iotHubHostName":"west.example.net"})");
    ASSERT_TRUE(enter());
    EXPECT_EQ(hub_.find("d"), nullptr);
    EXPECT_EQ(hubs_.devices.at({"west.example.net", "d"}).twin,
              R"({"tags":{"a":3},"properties":{"desired":{"b":4}}})");
}

TEST_F(AllocationTest, ADeviceWhoseHubIsAwayIsToComeAgainAndLosesNothing) {
    ASSERT_TRUE(put(custom));
    answer(R"({"iotHubHostName":"east.example.net"})");
    ASSERT_TRUE(enter());
    hubs_.is_away = true;
    answer(R"({"iotHubHostName":"hub.example.net"})");
    EXPECT_FALSE(enter());
    EXPECT_EQ(hub_.find("d"), nullptr);
    // Neither does a webhook that fails make the hub forget where the device is.
    answer("no");
    ASSERT_EQ(enter()->status, RegistrationStatus::failed);
    hubs_.is_away = false;
    answer(R"({"iotHubHostName":"hub.example.net"})");
    EXPECT_EQ(enter()->substatus, "deviceDataMigrated");
    EXPECT_EQ(tags(), R"({"a":1})");
}

TEST_F(AllocationTest, HashingSpreadsDevicesAndKeepsThemWhereTheyAre) {
    std::map<std::string, int> devices;
    std::vector<std::string> before;
    for (int i = 0; i < 60; ++i) {
        const std::string id = "h" + std::to_string(i);
        ASSERT_TRUE(hub_.run(hub_->provisioning().put(Kind::individual, id,
                                                      R"({"attestation":{"type":"symmetricKey"}})", {})));
        auto enrollee = hub_.run(hub_->provisioning().enrollees(id))->at(0);
        const RegistrationRequest request{
            .enrollee = std::move(enrollee), .certificate_sha256 = {}, .api_version = "2021-10-01"};
        const auto first = hub_.run(hub_->provisioning().register_device(request));
        ASSERT_TRUE(first);
        ++devices[first->assigned_hub];
        const auto second = hub_.run(hub_->provisioning().register_device(request));
        EXPECT_EQ(second->assigned_hub, first->assigned_hub);
        EXPECT_EQ(second->substatus, "initialAssignment");
    }
    ASSERT_EQ(devices.size(), 3U);
    for (const auto& [hub, count] : devices) EXPECT_GT(count, 5) << hub;
}

TEST_F(AllocationTest, StaticIsTheOneHubThatIsNamed) {
    ASSERT_TRUE(put(R"({"attestation":{"type":"symmetricKey"},"allocationPolicy":"static",)"
                    R"("iotHubs":["WEST.example.net"]})"));
    EXPECT_EQ(enter()->assigned_hub, "west.example.net");
    const auto far = hub_.run(hub_->provisioning().put(
        Kind::individual, "e", R"({"attestation":{"type":"symmetricKey"},"iotHubs":["far.example.net"]})",
        {}));
    EXPECT_EQ(far.error().code, Errc::argument_invalid);
}

TEST_F(AllocationTest, AHubMayEndWhileItWaits) {
    ASSERT_TRUE(put(custom));
    const auto found = *hub_.run(hub_->provisioning().enrollees("d"));
    const RegistrationRequest request{
        .enrollee = found.at(0), .certificate_sha256 = {}, .api_version = "2021-10-01"};
    const auto first = hub_.begin(hub_->provisioning().register_device(request));
    const auto second = hub_.begin(hub_->provisioning().register_device(request));
    hub_.poll();
    EXPECT_FALSE(first->has_value());
    EXPECT_FALSE(second->has_value());
}

TEST_F(AllocationTest, AnAddressThatThisHubDoesNotAskIsRefused) {
    std::string body = custom;
    body.replace(body.find("https:"), 6, "http:");
    EXPECT_EQ(put(body).error().code, Errc::argument_invalid);
}

}  // namespace
}  // namespace carillon
