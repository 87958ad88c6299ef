#include "core/queries/queries.hpp"
#include "core/registry/registry.hpp"
#include "server/cluster/calls_fixture.hpp"
#include "server/cluster/shard_calls.hpp"

#include <array>
#include <set>

namespace carillon {
namespace {

using testing::CalledNode;

/// A node with its own hub, which owns one of two shards and asks the other node for the other one.
class SharingNode {
public:
    SharingNode(const testing::NodeCertificates& certificates, std::string name, testing::TestMap& map,
                const std::string& address, std::uint16_t port)
        : self_{std::move(name), CalledNode::incarnation},
          owned_(self_, map.reader()),
          called(certificates, self_.node, owned_, {}, address, port),
          links(called.threads, {.node_domain = testing::NodeCertificates::domain(),
                                 .port = called.port(),
                                 .tls = certificates.client(self_.node),
                                 .incarnation = self_.incarnation}),
          owners_(links,
                  {.self = self_, .read_map = map.reader(), .owner_wait_max = std::chrono::seconds(1)}),
          carrier_(hub->port(), owners_) {
        owned_.serve(CallKind::request, calls_);
        hub->port().use(carrier_);
    }

private:
    ManualClock clock_{WallTime::from_unix_s(1'790'000'000)};
    MemoryStore store_;

public:
    testing::TestHub hub{store_, clock_};

private:
    const OwnPlace self_;
    ShardCalls calls_{hub->port()};
    OwnedCalls owned_;

public:
    CalledNode called;
    CallLinks links;

private:
    OwnerCalls owners_;
    LinkCarrier carrier_;
};

class TwoNodesTest : public ::testing::Test {
protected:
    TwoNodesTest() {
        ShardMap map;
        map.shards = {{"n1", CalledNode::incarnation, 1}, {"n2", CalledNode::incarnation, 1}};
        map.nodes = {{"n1", CalledNode::incarnation, "127.0.0.1"},
                     {"n2", CalledNode::incarnation, "127.0.0.2"}};
        map_.set(map);
        first_.links.know(map.nodes);
        second_.links.know(map.nodes);
    }
    ~TwoNodesTest() override {
        first_.called.stop();
        second_.called.stop();
    }

    template <class T>
    static Task<std::optional<T>> held(Task<T> task) {
        co_return std::optional<T>(co_await std::move(task));
    }
    /// Runs what one node does, and the other one beside it; nothing if it does not end.
    template <class T>
    std::optional<T> run(SharingNode& node, Task<T> task) {
        const auto result = node.hub.begin(held(std::move(task)));
        const auto end = std::chrono::steady_clock::now() + testing::Journal::patience;
        while (!result->has_value() && std::chrono::steady_clock::now() < end) {
            first_.hub.settle();
            second_.hub.settle();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        return *result ? std::move(**result) : std::nullopt;
    }
    void add_devices() {
        for (int i = 0; i < devices; ++i) {
            const auto key = *IdentityKey::parse(id_of(i));
            const auto made = run(i % 2 == 0 ? first_ : second_, first_registry(i).put(key, "{}", {}));
            ASSERT_TRUE(made && *made) << id_of(i);
        }
    }
    Registry& first_registry(int i) { return i % 2 == 0 ? first_.hub->registry() : second_.hub->registry(); }
    static std::string id_of(int i) { return "d" + std::to_string(100 + i); }
    /// Where a device is, among the records of both nodes.
    std::string nodes_of(const std::string& id) {
        return std::string(first_.hub.find(id) != nullptr ? "1" : "") +
               (second_.hub.find(id) != nullptr ? "2" : "");
    }
    Result<QueryPage> ask(SharingNode& node, const std::string& statement) {
        QueryRequest request;
        request.statement = statement;
        request.page_size = 100;
        auto page = run(node, node.hub->queries().run(std::move(request)));
        if (!page) return fail(Errc::server_error, "no answer at all");
        return *std::move(page);
    }

    static constexpr int devices = 20;
    testing::TestMap map_;
    const testing::NodeCertificates certificates_;
    SharingNode first_{certificates_, "n1", map_, "127.0.0.1", 0};
    SharingNode second_{certificates_, "n2", map_, "127.0.0.2", first_.called.port()};
};

TEST_F(TwoNodesTest, EachDeviceIsOnItsNodeWhereverItIsWritten) {
    add_devices();
    std::set<std::string> seen;
    for (int i = 0; i < devices; ++i) {
        const auto key = *IdentityKey::parse(id_of(i));
        const std::string owner = first_.hub->port().owner(key.device) == 0 ? "1" : "2";
        EXPECT_EQ(nodes_of(id_of(i)), owner);
        seen.insert(owner);
        for (SharingNode* node : {&first_, &second_}) {
            const auto found = run(*node, node->hub->registry().find(key));
            ASSERT_TRUE(found && *found) << id_of(i);
        }
    }
    EXPECT_EQ(seen.size(), 2U);
}

TEST_F(TwoNodesTest, EachNodeAnswersForTheWholeHub) {
    add_devices();
    for (SharingNode* node : {&first_, &second_}) {
        const auto rows = ask(*node, "SELECT deviceId FROM devices");
        ASSERT_TRUE(rows) << rows.error().detail;
        ASSERT_EQ(rows->items.size(), static_cast<std::size_t>(devices));
        for (int i = 0; i < devices; ++i) {
            const auto at = static_cast<std::size_t>(i);
            EXPECT_NE(rows->items[at].find(id_of(i)), std::string::npos) << rows->items[at];
        }
        const auto count = ask(*node, "SELECT COUNT() AS n FROM devices");
        ASSERT_TRUE(count && count->items.size() == 1);
        EXPECT_EQ(count->items[0], "{\"n\":20}");
        const auto counted = run(*node, node->hub->registry().count_devices());
        ASSERT_TRUE(counted && *counted);
        EXPECT_EQ((*counted)->enabled, devices);
    }
}

TEST_F(TwoNodesTest, WithoutOneNodeTheOtherServesItsOwnShardAndLacksNoRows) {
    add_devices();
    second_.called.stop();
    for (int i = 0; i < devices; ++i) {
        if (nodes_of(id_of(i)) != "1") continue;
        const auto found = run(first_, first_.hub->registry().find(*IdentityKey::parse(id_of(i))));
        EXPECT_TRUE(found && *found);
    }
    const auto rows = ask(first_, "SELECT deviceId FROM devices");
    ASSERT_FALSE(rows) << "a page never lacks the rows of a shard";
    EXPECT_EQ(rows.error().code, Errc::service_unavailable);
}

}  // namespace
}  // namespace carillon
