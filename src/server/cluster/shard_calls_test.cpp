#include "server/cluster/shard_calls.hpp"

#include "core/registry/registry.hpp"
#include "server/cluster/calls_fixture.hpp"

#include <array>
#include <map>

namespace carillon {
namespace {

using testing::asked_node;
using testing::asking_node;
using testing::CalledNode;
using testing::epoch_of_shards;

/// Shards that are asked as those of another node.
class ShardCallsTest : public testing::CalledHubTest {
protected:
    ShardCallsTest() {
        owned_.serve(CallKind::request, calls_);
        for (const char* id : {"a", "b", "c", "d"}) hub_.add_device(id);
        EXPECT_TRUE(*run(hub_->registry().put(module_, "{}", {})));
    }
    ~ShardCallsTest() override { stop_nodes(); }

    /// The answer of the shard itself, and over the socket, as bytes.
    template <class Request>
    void expect_same(const Request& request) {
        ShardPort& port = hub_->port();
        for (std::size_t shard = 0; shard < port.count(); ++shard) {
            const std::string bytes = encode_request(request);
            const auto near = run(answer_bytes(port.seat(shard), bytes));
            const auto far = run(carrier_.carry(shard, bytes));
            ASSERT_TRUE(near && far) << int{Request::number};
            ASSERT_TRUE(*far) << (*far).error().detail;
            EXPECT_EQ(**far, *near) << int{Request::number};
            ++compared_[Request::number];
        }
    }
    /// Asks the owner of the device over the socket.
    template <class Request>
    Result<typename Request::Answer> ask(const Request& request, const DeviceId& device) {
        const auto context = ContextOf<Request>::of(request);
        const auto answered = run(carrier_.carry(hub_->port().owner(device), encode_request(request)));
        if (!answered || !*answered) return fail(Errc::server_error, "no answer");
        ++compared_[Request::number];
        return decode_answer<typename Request::Answer>(**answered, context);
    }
    /// A write of tags of the device, and what came of it by the port.
    WriteTwin write() const {
        const auto body = JsonDocument::parse(R"({"tags":{"x":1}})");
        return {device_, Shard::TwinWrite::patch, *TwinPatch::parse(body->root(), device_), {}};
    }
    /// Nothing if it went well.
    std::optional<Errc> ask_port_to_write() {
        auto answer = run(hub_->port().ask(hub_->port().owner(device_.device), write()));
        if (!answer) return Errc::server_error;
        return *answer ? std::nullopt : std::optional(answer->error().code);
    }
    static bool has_tag(const Document& document) {
        constexpr std::array<std::string_view, 1> path{"x"};
        return document.twin.tags.find(path).kind == SectionValue::Kind::number;
    }
    bool is_written() { return has_tag(*hub_.find("a")->committed); }

    const IdentityKey device_ = *IdentityKey::parse("a");
    const IdentityKey module_ = *IdentityKey::parse("a", "m");
    std::map<int, int> compared_;  ///< Requests, by number.
    ShardCalls calls_{hub_->port()};
    LinkCarrier carrier_{hub_->port(), owners_};
};

TEST_F(ShardCallsTest, EveryRequestIsAnsweredOverASocketAsByTheShard) {
    const auto plan = [](const char* text) { return ScanPlan::parse({text, {}}).value(); };
    // What only reads answers the same to the byte.
    expect_same(FindIdentity{device_});
    expect_same(FindIdentity{*IdentityKey::parse("none")});
    expect_same(ListModules{device_});
    expect_same(CountDevices{});
    expect_same(CountRecords{});
    expect_same(ReadExportPage{});
    expect_same(ScanRows{plan("SELECT * FROM devices WHERE deviceId > 'a'"), std::nullopt, 100});
    expect_same(ScanGroups{plan("SELECT COUNT() AS n FROM devices")});
    expect_same(CountConfigurations{});
    expect_same(ReadRows{{device_, module_}});
    // What writes is done once, and seen here.
    const auto& owner = device_.device;
    EXPECT_TRUE(ask(PutIdentity{*IdentityKey::parse("new"), "{}", {}}, IdentityKey::parse("new")->device));
    EXPECT_NE(hub_.find("new"), nullptr);
    EXPECT_TRUE(ask(RenewKeys{device_}, owner));
    const auto written = ask(write(), owner);
    ASSERT_TRUE(written);
    EXPECT_TRUE(has_tag(written->document));
    const auto sent = ask(SendMessage{device_, {}}, owner);
    EXPECT_TRUE(sent);
    EXPECT_EQ(ask(PurgeMessages{device_}, owner).value_or(0), 1U);
    EXPECT_EQ(ask(ApplyContent{device_, {}}, owner).error().code, Errc::argument_invalid) << "no edge device";
    EXPECT_TRUE(ask(EndLinks{device_}, owner));
    EXPECT_EQ(ask(InvokeMethod{device_, {}}, owner).error().code, Errc::device_not_online);
    EXPECT_TRUE(ask(ApplyEntries{}, owner));
    EXPECT_TRUE(ask(RemoveIdentity{module_, EtagMatch::parse("*", EtagMatch::Unquoted::compare)}, owner));
    EXPECT_EQ(hub_.find("a", "m"), nullptr);
    each_shard_request([this]<class Request>(std::type_identity<Request>) {
        EXPECT_GT(compared_[Request::number], 0) << "request " << int{Request::number};
    });
}

TEST_F(ShardCallsTest, BytesThatAreNoRequestAreRefused) {
    const auto refused = run(carrier_.carry(0, "\xff nonsense"));
    ASSERT_TRUE(refused && *refused);
    EXPECT_EQ(decode_answer<void>(**refused, NoContext{}).error().code, Errc::malformed_packet);
}

TEST_F(ShardCallsTest, AShardThatNoNodeHasIsUnavailable) {
    options_.owner_wait_max = std::chrono::milliseconds(100);
    OwnerCalls owners(links_, options_);
    LinkCarrier carrier(hub_->port(), owners);
    const std::string request = encode_request(CountRecords{});
    for (const std::size_t shard : {0, 99}) {
        if (shard == 0) asking_map_.own({});
        const auto answer = run(carrier.carry(shard, request));
        ASSERT_TRUE(answer);
        EXPECT_EQ(answer->error().code, Errc::service_unavailable) << shard;
    }
    asking_map_.own({"n1", CalledNode::incarnation - 1});
    const auto answer = run(carrier.carry(0, request));
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error().code, Errc::service_unavailable) << "that start of the node lives no more";
    EXPECT_EQ(lossy_.calls, 0);
}

TEST_F(ShardCallsTest, AMovedShardIsAskedAgainUntilItsOwnerHasIt) {
    asked_map_.own({"n9", 1});
    const auto answer = hub_.begin(carrier_.carry(0, encode_request(write())));
    EXPECT_TRUE(until([&] { return lossy_.calls >= 3; }));
    EXPECT_FALSE(answer->has_value());
    EXPECT_FALSE(is_written());
    asked_map_.own(asked_node);
    ASSERT_TRUE(until([&] { return answer->has_value(); }));
    EXPECT_TRUE(**answer);
}

TEST_F(ShardCallsTest, WhoKnowsOfALaterOwnerIsNotAnswered) {
    asking_map_.own(asked_node, epoch_of_shards + 1);
    options_.owner_wait_max = std::chrono::milliseconds(1);
    OwnerCalls owners(links_, options_);
    LinkCarrier carrier(hub_->port(), owners);
    const auto early = run(carrier.carry(0, encode_request(CountRecords{})));
    ASSERT_TRUE(early);
    EXPECT_EQ(early->error().code, Errc::service_unavailable);
    asked_map_.own(asked_node, epoch_of_shards + 2);
    const auto later = run(carrier.carry(0, encode_request(CountRecords{})));
    ASSERT_TRUE(later);
    EXPECT_TRUE(*later) << "the node settled the shard since";
}

TEST_F(ShardCallsTest, ThePortAsksItsOwnShardsByItself) {
    hub_->port().use(carrier_);
    EXPECT_EQ(ask_port_to_write(), std::nullopt);
    EXPECT_EQ(lossy_.calls, 1);
    asking_map_.own(asking_node);
    EXPECT_EQ(ask_port_to_write(), std::nullopt);
    EXPECT_EQ(lossy_.calls, 1);
    const auto bytes = run(carrier_.carry(0, encode_request(CountRecords{})));
    ASSERT_TRUE(bytes && *bytes) << "it came here while it was on its way";
    EXPECT_EQ(lossy_.calls, 1);
}

TEST_F(ShardCallsTest, AWriteWhoseAnswerIsLostIsNotDoneTwice) {
    hub_->port().use(carrier_);
    lossy_.answers_lost = 1;
    EXPECT_EQ(ask_port_to_write(), Errc::service_unavailable);
    EXPECT_EQ(lossy_.calls, 1);
    EXPECT_TRUE(is_written());
    lossy_.answers_lost = ShardPort::sent_max - 1;
    auto counted = run(hub_->port().ask_all(CountRecords{}));
    ASSERT_TRUE(counted);
    for (const auto& count : *counted) EXPECT_TRUE(count) << "what only reads is asked again";
}

TEST_F(ShardCallsTest, ABrokenLinkEndsWhatIsUnderWay) {
    // The shard stands still, as nobody runs its loop.
    const auto answer = hub_.begin(carrier_.carry(0, encode_request(write())));
    const auto end = std::chrono::steady_clock::now() + testing::Journal::patience;
    hub_.poll();
    while (lossy_.calls < 1 && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    called_.stop();
    const auto ended = [&] {
        hub_.poll();
        return answer->has_value();
    };
    while (!ended() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
    ASSERT_TRUE(answer->has_value());
    EXPECT_EQ((**answer).error().code, Errc::service_unavailable);
}

TEST_F(ShardCallsTest, ARequestWhoseTimeIsUpIsNotBegun) {
    LinkCarrier carrier(hub_->port(), owners_, std::chrono::milliseconds(200));
    // It is asked from another loop, as the shard's stands still.
    boost::asio::io_context elsewhere;
    std::optional<Result<std::string>> answer;
    const std::size_t shard = hub_->port().owner(device_.device);
    boost::asio::co_spawn(
        elsewhere, carrier.carry(shard, encode_request(write())),
        [&](const std::exception_ptr&, Result<std::string> given) { answer = std::move(given); });
    elsewhere.run_for(testing::Journal::patience);
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->error().code, Errc::service_unavailable);
    EXPECT_EQ(lossy_.calls, 1);
    hub_.advance(std::chrono::seconds(1));
    EXPECT_FALSE(is_written());
}

}  // namespace
}  // namespace carillon
