// A device protocol of lines of text, made of nothing but endpoint/device: what a protocol has to bring.

#include "endpoint/device/connected_device.hpp"

#include "base/text.hpp"
#include "core/shard/methods.hpp"
#include "core/testing/test_hub.hpp"
#include "wire/sas/sas_token.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

namespace carillon::device {
namespace {

/// `word rest` in, `word rest` out. Takes all methods and all notifications.
class LineProtocol final : public DeviceLink {
public:
    explicit LineProtocol(Hub& hub) : device_(hub, *this) {}
    ~LineProtocol() override { device_.disconnect(); }

    void receive(std::string_view line) {
        const std::string_view word = next(line);
        if (word == "connect") {  // connect ID TOKEN
            const auto key = IdentityKey::parse(next(line)).value();
            say(device_.connect({.key = key, .host = "hub.example.net", .token = line}, {}, {}));
        } else if (word == "send") {  // send TEXT
            DeviceMessage message;
            message.body = line;
            auto done = [this](const Result<>& stored) { say(stored); };
            if (const auto sent = device_.send(std::move(message), done); !sent) say(sent);
        } else if (word == "twin") {
            const auto twin = device_.twin();
            say(twin ? *twin : std::string(errc_name(twin.error().code)));
        } else if (word == "report") {  // report JSON
            device_.report(line, std::nullopt, [this](const Result<std::int64_t>& version) {
                say(version ? fmt::format("version {}", *version)
                            : std::string(errc_name(version.error().code)));
            });
        } else if (word == "answer") {  // answer ID STATUS JSON
            const auto id = static_cast<std::uint16_t>(parse_u64(next(line)).value());
            const auto status = static_cast<int>(parse_u64(next(line)).value());
            device_.answer_method(id, status, line);
        }
    }
    std::vector<std::string> take_sent() { return std::exchange(sent_, {}); }

    bool takes_method(std::string_view) const override { return device_.is_connected(); }
    void send_method(std::uint16_t id, std::string_view name, std::string_view payload) override {
        say(fmt::format("call {} {} {}", id, name, payload));
    }
    bool takes_desired() const override { return device_.is_connected(); }
    void send_desired(std::int64_t, std::string_view body) override { say(fmt::format("desired {}", body)); }
    bool is_congested() const override { return false; }
    void close(Errc reason) override { say(fmt::format("closed {}", errc_name(reason))); }

private:
    static std::string_view next(std::string_view& line) {
        const std::string_view word = line.substr(0, line.find(' '));
        line.remove_prefix(std::min(line.size(), word.size() + 1));
        return word;
    }
    void say(std::string line) { sent_.push_back(std::move(line)); }
    void say(const Result<>& done) { say(std::string(done ? "ok" : errc_name(done.error().code))); }

    ConnectedDevice device_;
    std::vector<std::string> sent_;
};

using Lines = std::vector<std::string>;
const EtagMatch any{.kind = EtagMatch::Kind::any, .etag = {}};

class ConnectedDeviceTest : public ::testing::Test {
protected:
    ConnectedDeviceTest() { hub.add_device("d1"); }
    std::string token(std::int64_t in_s = 3600) {
        const auto identity = hub.find("d1")->committed->identity.unpack();
        return sas::make_token("hub.example.net/devices/d1", identity.auth.primary_key,
                               clock.wall_now().plus_s(in_s));
    }
    void open(LineProtocol& peer) {
        peer.receive("connect d1 " + token());
        ASSERT_EQ(peer.take_sent(), Lines{"ok"});
    }

    MemoryStore store;
    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    testing::TestHub hub{store, clock};
};

TEST_F(ConnectedDeviceTest, CarriesAProtocolOfLines) {
    LineProtocol peer(*hub);
    open(peer);
    EXPECT_NE(hub.find("d1")->link, nullptr);

    peer.receive("send 21 degrees");
    EXPECT_EQ(peer.take_sent(), Lines{});  // not before it is on disk
    hub.settle();
    EXPECT_EQ(peer.take_sent(), Lines{"ok"});
    std::size_t kept = 0;
    auto visit = [&kept](std::string_view, std::string_view value) {
        const auto message = decode_message(as_bytes(value));
        EXPECT_EQ(message->body, "21 degrees");
        EXPECT_EQ(message->device_id, "d1");
        EXPECT_NE(message->auth_method.find(R"("type":"sas")"), std::string::npos);
        return ++kept > 0;
    };
    ASSERT_TRUE(store.scan(Table::events, {}, {}, visit));
    EXPECT_EQ(kept, 1U);

    peer.receive(R"(report {"fw":2})");
    hub.settle();
    EXPECT_EQ(peer.take_sent(), Lines{"version 2"});
    peer.receive("twin");
    EXPECT_EQ(peer.take_sent(), Lines{R"({"desired":{"$version":1},"reported":{"fw":2,"$version":2}})"});
    const auto document = JsonDocument::parse(R"({"properties":{"desired":{"rate":5}}})");
    const auto key = IdentityKey::parse("d1").value();
    Shard& shard = hub->shards().owner(key.device);
    ASSERT_TRUE(hub.run(shard.write_twin(key, Shard::TwinWrite::patch,
                                         TwinPatch::parse(document->root(), key).value(), any)));
    EXPECT_EQ(peer.take_sent(), Lines{R"(desired {"rate":5,"$version":2})"});

    MethodCall call;
    call.name = "lock";
    call.payload = "7";
    const auto answer = hub.begin(shard.methods().invoke(key, call));
    hub.settle();
    EXPECT_EQ(peer.take_sent(), Lines{"call 1 lock 7"});
    peer.receive(R"(answer 1 200 "locked")");
    hub.settle();
    ASSERT_TRUE(answer->has_value() && **answer);
    EXPECT_EQ((**answer)->payload, R"("locked")");
}

TEST_F(ConnectedDeviceTest, RefusesWithoutSayingWhy) {
    for (const std::string& shown : {std::string("nonsense"), token(-301)}) {
        LineProtocol peer(*hub);
        peer.receive("connect d1 " + shown);
        EXPECT_EQ(peer.take_sent(), Lines{"IotHubUnauthorized"});
        EXPECT_EQ(hub.find("d1")->link, nullptr);
    }
    LineProtocol stranger(*hub);
    stranger.receive("connect d2 " + token());
    EXPECT_EQ(stranger.take_sent(), Lines{"IotHubUnauthorized"});
}

TEST_F(ConnectedDeviceTest, OneThatIsReplacedDoesNotTakeItsSuccessorDown) {
    auto older = std::make_unique<LineProtocol>(*hub);
    open(*older);
    LineProtocol newer(*hub);
    open(newer);
    EXPECT_EQ(older->take_sent(), Lines{"closed ConnectionForcefullyClosedOnNewConnection"});
    older.reset();
    EXPECT_NE(hub.find("d1")->link, nullptr);
}

TEST_F(ConnectedDeviceTest, AnIdentityThatIsGoneIsAskedInVain) {
    LineProtocol peer(*hub);
    open(peer);
    const auto key = IdentityKey::parse("d1").value();
    ASSERT_TRUE(hub.run(hub->shards().owner(key.device).remove_identity(key, any)));
    EXPECT_EQ(peer.take_sent(), Lines{"closed DeviceNotFound"});
    for (const char* line : {"twin", "send x", "report {}"}) {
        peer.receive(line);
        EXPECT_EQ(peer.take_sent(), Lines{"DeviceNotFound"}) << line;
    }
    peer.receive("answer 1 200 null");
    EXPECT_EQ(peer.take_sent(), Lines{});
}

}  // namespace
}  // namespace carillon::device
