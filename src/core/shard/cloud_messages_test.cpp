#include "core/shard/cloud_messages.hpp"

#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>

namespace carillon {
namespace {

using testing::TestHub;
using namespace std::chrono_literals;
using Texts = std::vector<std::string>;
using Taken = DeviceLink::Taken;

constexpr WallTime sent_at = WallTime::from_unix_s(1'790'000'000);
const EtagMatch any_etag{.kind = EtagMatch::Kind::any, .etag = {}};

/// A connection that takes as many messages as it is told to.
class TakingLink final : public testing::FakeLink {
public:
    std::size_t cloud_message_room() const override { return room; }
    std::optional<Duration> cloud_message_lock() const override { return lock_time; }
    Taken send_cloud_message(const CloudDelivery& delivery) override {
        if (room == 0) return Taken::not_now;
        if (wants_inputs_only && delivery.message.input().empty()) return Taken::not_wanted;
        --room;
        bodies.push_back(delivery.message.body + (delivery.may_be_repeated ? " again" : ""));
        locks.push_back(delivery.lock);
        counts.push_back(delivery.delivery_count);
        return answer;
    }
    std::size_t room = 16;
    bool wants_inputs_only = false;
    std::optional<Duration> lock_time;
    Taken answer = Taken::until_settled;
    Texts bodies;
    std::vector<LockToken> locks;
    std::vector<int> counts;
};

struct CloudMessagesTest : ::testing::Test {
    ManualClock clock{sent_at};
    MemoryStore store;
    std::optional<TestHub> hub{std::in_place, store, clock};
    std::vector<StoredFeedback> feedback;

    CloudMessagesTest() {
        hub->add_device("d");
        listen();
    }
    void listen() {
        owner().cloud_messages().set_feedback_observer(
            [this](StoredFeedback stored) { feedback.push_back(std::move(stored)); });
    }
    Shard& owner() { return (*hub)->shards().owner(IdentityKey::parse("d")->device); }
    CloudMessages& queue() { return owner().cloud_messages(); }
    Record& device() { return *hub->find("d"); }
    void restart() {
        hub.reset();
        hub.emplace(store, clock);
        listen();
    }
    CloudMessage message(std::string body) {
        CloudMessage made;
        made.body = std::move(body);
        return made;
    }
    Result<std::uint64_t> send(CloudMessage sent) {
        std::optional<Result<std::uint64_t>> result;
        queue().enqueue(device(), std::move(sent),
                        [&result](Result<std::uint64_t> r) { result = std::move(r); });
        hub->settle();
        return *std::move(result);
    }
    Errc send(std::string body) {
        const auto sent = send(message(std::move(body)));
        return sent ? Errc{} : sent.error().code;
    }
    std::optional<ReceivedMessage> receive(Duration lock_time = 60s) {
        std::optional<ReceivedMessage> received;
        queue().receive(device(), lock_time,
                        [&received](Result<std::optional<ReceivedMessage>> r) { received = *std::move(r); });
        hub->settle();
        return received;
    }
    std::string body() {
        const auto received = receive();
        return received ? received->message.body : "none";
    }
    Errc settle(const LockToken& token, Settlement how) {
        std::optional<Errc> result;
        queue().settle(device(), token, how,
                       [&result](const Result<>& r) { result = r ? Errc{} : r.error().code; });
        hub->settle();
        return *result;
    }
    std::uint32_t purge() {
        std::uint32_t purged = 99;
        queue().purge(device(), [&purged](const Result<std::uint32_t>& r) { purged = *r; });
        hub->settle();
        return purged;
    }
    std::size_t rows() {
        std::size_t count = 0;
        EXPECT_TRUE(store.scan(Table::cloud_messages, "", "", [&count](auto, auto) { return ++count > 0; }));
        return count;
    }
    Texts outcomes() {
        Texts texts;
        for (const auto& [key, record] : std::exchange(feedback, {})) {
            texts.push_back(record.original_message_id + " " + std::string(outcome_text(record.outcome)));
        }
        return texts;
    }
    CloudMessage asking(Ack ack, std::string id = "m") {
        CloudMessage made = message("x");
        made.ack = ack;
        made.system = {{"message-id", std::move(id)}};
        return made;
    }
};

// --- queues ------------------------------------------------------------------------------------------

TEST_F(CloudMessagesTest, AreReceivedInOrderAndGoneWhenCompleted) {
    for (const char* text : {"1", "2", "3"}) EXPECT_EQ(send(text), Errc{});
    EXPECT_EQ(device().c2d_count, 3U);
    const auto first = receive();
    const auto second = receive();
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->message.body + second->message.body, "12");
    EXPECT_LT(first->message.sequence, second->message.sequence);
    EXPECT_EQ(first->message.enqueued, sent_at);
    EXPECT_EQ(device().c2d_count, 3U);  // locked ones count
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc{});
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_EQ(settle(second->lock, Settlement::reject), Errc{});
    EXPECT_EQ(device().c2d_count, 1U);
    EXPECT_EQ(body(), "3");
    EXPECT_EQ(body(), "none");
}

TEST_F(CloudMessagesTest, AreNotAcknowledgedNorHandedOutBeforeTheyAreDurable) {
    TakingLink link;
    owner().attach(device(), link);
    bool is_answered = false;
    queue().enqueue(device(), message("1"), [&](const Result<std::uint64_t>&) { is_answered = true; });
    hub->poll();
    EXPECT_FALSE(is_answered);
    EXPECT_EQ(device().c2d_count, 0U);
    EXPECT_TRUE(link.bodies.empty());
    hub->settle();
    EXPECT_TRUE(is_answered);
    EXPECT_EQ(link.bodies, Texts{"1"});
}

TEST_F(CloudMessagesTest, SurviveARestartWithTheirOrderTheirCountAndWhatTheyAskFor) {
    for (const char* text : {"1", "2"}) EXPECT_EQ(send(text), Errc{});
    const auto asked = send(asking(Ack::full, "m3"));
    ASSERT_TRUE(asked);
    const auto first = receive();
    EXPECT_EQ(settle(first->lock, Settlement::abandon), Errc{});
    restart();
    EXPECT_EQ(device().c2d_count, 3U);
    const auto again = receive();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->message.body, "1");
    EXPECT_EQ(again->delivery_count, 1);
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_EQ(body(), "2");
    const auto last = receive();
    EXPECT_EQ(settle(last->lock, Settlement::complete), Errc{});
    EXPECT_EQ(outcomes(), Texts{"m3 Success"});
    const auto next = send(message("4"));
    ASSERT_TRUE(next);
    EXPECT_GT(*next, *asked);  // numbers do not repeat
}

TEST_F(CloudMessagesTest, CostNothingOnceTheyAreGone) {
    EXPECT_EQ(rows(), 0U);
    EXPECT_EQ(send("1"), Errc{});
    EXPECT_EQ(rows(), 2U);
    EXPECT_EQ(settle(receive()->lock, Settlement::complete), Errc{});
    EXPECT_EQ(rows(), 0U);
    EXPECT_EQ(queue().messages(), 0U);
    const std::size_t timers = owner().timers().size();
    hub->advance(2s);
    EXPECT_LT(owner().timers().size(), timers);  // nobody looks for what might expire
}

TEST_F(CloudMessagesTest, AreFiftyForOneDevice) {
    for (int i = 0; i < 50; ++i) ASSERT_EQ(send("x"), Errc{});
    EXPECT_EQ(send("x"), Errc::device_maximum_queue_depth_exceeded);
    const auto first = receive();
    EXPECT_EQ(send("x"), Errc::device_maximum_queue_depth_exceeded);
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc{});
    EXPECT_EQ(send("x"), Errc{});
    EXPECT_EQ(send("x"), Errc::device_maximum_queue_depth_exceeded);
    clock.advance(3600s);  // what has expired makes room, before anybody has looked
    EXPECT_EQ(send("x"), Errc{});
}

TEST_F(CloudMessagesTest, AreRefusedBeyondTheBoundsOfTheShard) {
    // A shard of its own, as the hub's bounds are large.
    boost::asio::io_context io;
    SeededRandom random(1);
    testing::SteppedStorage storage;
    ShardContext context{.executor = io.get_executor(),
                         .background = io.get_executor(),
                         .clock = clock,
                         .random = random,
                         .store = store,
                         .storage = storage,
                         .shard_count = 2,
                         .telemetry = {}};
    const auto refused_after = [&](CloudQueueLimits limits) {
        context.cloud_queues = limits;
        Shard shard(owner().number(), context);
        EXPECT_TRUE(shard.load());
        Record& record = *shard.directory().find(device().key);
        for (int sent = 0;; ++sent) {
            std::optional<Result<std::uint64_t>> result;
            shard.cloud_messages().enqueue(record, message("x"),
                                           [&result](Result<std::uint64_t> r) { result = std::move(r); });
            if (!result) continue;
            EXPECT_EQ(result->error().code, Errc::iot_hub_quota_exceeded);
            return sent;
        }
    };
    EXPECT_EQ(refused_after({.messages_max = 3}), 3);
    EXPECT_EQ(refused_after({.bytes_max = 1}), 1);
}

TEST_F(CloudMessagesTest, AreRefusedByAStoreThatIsFullAndLeaveNothing) {
    store.fail_commits(1, MemoryStore::every_later_one);
    EXPECT_EQ(send("1"), Errc::service_unavailable);
    store.fail_commits(1, 0);
    EXPECT_EQ(queue().messages(), 0U);
    EXPECT_EQ(device().c2d_count, 0U);
    EXPECT_EQ(body(), "none");
    EXPECT_EQ(send("2"), Errc{});
    const auto received = receive();
    store.fail_commits(1, MemoryStore::every_later_one);
    EXPECT_EQ(settle(received->lock, Settlement::complete), Errc::service_unavailable);
    store.fail_commits(1, 0);
    EXPECT_EQ(device().c2d_count, 1U);
    EXPECT_EQ(body(), "2");  // it was not completed, so it comes again
}

// --- how they end ------------------------------------------------------------------------------------

TEST_F(CloudMessagesTest, ComeBackToTheirPlaceWhenTheLockIsOver) {
    for (const char* text : {"1", "2"}) EXPECT_EQ(send(text), Errc{});
    const auto first = receive(5s);
    hub->advance(4s);
    EXPECT_EQ(body(), "2");
    EXPECT_EQ(body(), "none");
    hub->advance(1s);
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc::device_message_lock_lost);
    const auto again = receive();
    ASSERT_TRUE(again);
    EXPECT_EQ(again->message.body, "1");
    EXPECT_EQ(again->delivery_count, 0);  // only what comes back before its time counts
}

TEST_F(CloudMessagesTest, EndWhenTheyWereDeliveredTenTimes) {
    ASSERT_TRUE(send(asking(Ack::negative)));
    for (int i = 0; i < 10; ++i) {
        const auto received = receive();
        ASSERT_TRUE(received);
        EXPECT_EQ(received->delivery_count, i);
        EXPECT_EQ(settle(received->lock, Settlement::abandon), Errc{});
    }
    EXPECT_EQ(body(), "none");
    EXPECT_EQ(outcomes(), Texts{"m DeliveryCountExceeded"});
    EXPECT_EQ(device().c2d_count, 0U);
}

TEST_F(CloudMessagesTest, ExpireAfterAnHourOrWhenTheSenderSays) {
    ASSERT_TRUE(send(asking(Ack::full, "hour")));
    CloudMessage minute = asking(Ack::full, "minute");
    minute.expiry = sent_at.plus_s(60);
    ASSERT_TRUE(send(std::move(minute)));
    hub->advance(59s);
    EXPECT_EQ(device().c2d_count, 2U);
    hub->advance(1s);
    hub->advance(1s);
    EXPECT_EQ(outcomes(), Texts{"minute Expired"});
    EXPECT_EQ(device().c2d_count, 1U);
    hub->advance(3600s);
    EXPECT_EQ(outcomes(), Texts{"hour Expired"});
    EXPECT_EQ(rows(), 2U);  // the feedback on both, which nobody has taken
}

TEST_F(CloudMessagesTest, ExpiredWhileTheHubWasDownEndAtItsStart) {
    ASSERT_TRUE(send(asking(Ack::full)));
    hub.reset();
    clock.advance(3601s);
    hub.emplace(store, clock);
    listen();
    EXPECT_EQ(body(), "none");
    hub->advance(1s);
    EXPECT_EQ(outcomes(), Texts{"m Expired"});
}

TEST_F(CloudMessagesTest, LockedDoNotExpireUntilTheyComeBack) {
    ASSERT_TRUE(send(asking(Ack::full)));
    clock.advance(3590s);
    const auto received = receive(60s);
    hub->advance(20s);
    EXPECT_EQ(outcomes(), Texts{});
    EXPECT_EQ(settle(received->lock, Settlement::abandon), Errc{});
    EXPECT_EQ(body(), "none");
    hub->advance(1s);
    EXPECT_EQ(outcomes(), Texts{"m Expired"});
}

TEST_F(CloudMessagesTest, ManyThatExpireAtOnceEndInTurns) {
    for (int device = 0; device < 20; ++device) {
        Record& record = hub->add_device("e" + std::to_string(device));
        auto& there = (*hub)->shards().owner(record.key.device).cloud_messages();
        for (int i = 0; i < 50; ++i) there.enqueue(record, message("x"), [](const Result<std::uint64_t>&) {});
    }
    hub->settle();
    EXPECT_EQ(rows(), 2000U);
    hub->advance(3601s);
    EXPECT_EQ(rows(), 0U);
}

TEST_F(CloudMessagesTest, ArePurgedWithThoseTheDeviceWorksOn) {
    ASSERT_TRUE(send(asking(Ack::negative, "1")));
    ASSERT_TRUE(send(asking(Ack::positive, "2")));
    ASSERT_TRUE(send(asking(Ack::none, "3")));
    const auto first = receive();
    EXPECT_EQ(purge(), 3U);
    EXPECT_EQ(outcomes(), Texts{"1 Purged"});
    EXPECT_EQ(settle(first->lock, Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_EQ(body(), "none");
    EXPECT_EQ(device().c2d_count, 0U);
    EXPECT_EQ(purge(), 0U);
}

TEST_F(CloudMessagesTest, TellTheirOutcomeToThoseWhoAsked) {
    for (const Ack ack : {Ack::none, Ack::positive, Ack::negative, Ack::full}) {
        ASSERT_TRUE(send(asking(ack, std::string(ack_text(ack)))));
        EXPECT_EQ(settle(receive()->lock, Settlement::complete), Errc{});
        ASSERT_TRUE(send(asking(ack, std::string(ack_text(ack)))));
        EXPECT_EQ(settle(receive()->lock, Settlement::reject), Errc{});
    }
    const std::string generation = std::to_string(device().committed->identity.generation_id());
    for (const auto& [key, record] : feedback) {
        EXPECT_EQ(record.device_id, "d");
        EXPECT_EQ(record.generation_id, generation);
        EXPECT_EQ(record.time, sent_at);
        const auto stored = store.get(Table::cloud_messages, key);
        ASSERT_TRUE(stored && *stored);
        EXPECT_EQ(decode_feedback_record(as_bytes(**stored))->original_message_id,
                  record.original_message_id);
    }
    EXPECT_EQ(outcomes(), (Texts{"positive Success", "negative Rejected", "full Success", "full Rejected"}));
}

TEST_F(CloudMessagesTest, GoWithTheirDeviceAndAreNotThoseOfItsNamesake) {
    ASSERT_TRUE(send(asking(Ack::full)));
    const auto received = receive();
    ASSERT_TRUE(hub->run(owner().remove_identity(device().key, any_etag)));
    EXPECT_EQ(rows(), 0U);
    EXPECT_EQ(queue().messages(), 0U);
    hub->add_device("d");
    EXPECT_EQ(device().c2d_count, 0U);
    EXPECT_EQ(body(), "none");
    EXPECT_EQ(settle(received->lock, Settlement::complete), Errc::device_message_lock_lost);
    restart();
    EXPECT_EQ(body(), "none");
    EXPECT_EQ(outcomes(), Texts{});
}

TEST_F(CloudMessagesTest, StayIfTheRemovalOfTheirDeviceFails) {
    EXPECT_EQ(send("1"), Errc{});
    store.fail_commits(1, MemoryStore::every_later_one);
    EXPECT_FALSE(hub->run(owner().remove_identity(device().key, any_etag)));
    store.fail_commits(1, 0);
    EXPECT_EQ(body(), "1");
    restart();
    EXPECT_EQ(body(), "1");
}

// --- links -------------------------------------------------------------------------------------------

TEST_F(CloudMessagesTest, AreHandedToALinkAsItHasRoom) {
    for (const char* text : {"1", "2", "3"}) EXPECT_EQ(send(text), Errc{});
    TakingLink link;
    link.room = 2;
    owner().attach(device(), link);
    queue().offer(device());
    hub->settle();
    EXPECT_EQ(link.bodies, (Texts{"1", "2"}));
    EXPECT_EQ(send("4"), Errc{});
    EXPECT_EQ(link.bodies.size(), 2U);
    EXPECT_EQ(settle(link.locks[1], Settlement::complete), Errc{});
    link.room = 3;
    queue().offer(device());
    hub->settle();
    EXPECT_EQ(link.bodies, (Texts{"1", "2", "3", "4"}));
    EXPECT_EQ(send("5"), Errc{});  // at once, as there is room for one
    EXPECT_EQ(link.bodies.back(), "5");
    EXPECT_EQ(device().c2d_count, 4U);
}

TEST_F(CloudMessagesTest, ComeBackFromALinkThatIsLostAndSayThatTheyMayBeRepeated) {
    TakingLink link;
    owner().attach(device(), link);
    for (const char* text : {"1", "2"}) EXPECT_EQ(send(text), Errc{});
    owner().detach(device(), link);
    EXPECT_EQ(settle(link.locks[0], Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_EQ(send("3"), Errc{});
    TakingLink next;
    owner().attach(device(), next);
    queue().offer(device());
    hub->settle();
    EXPECT_EQ(next.bodies, (Texts{"1 again", "2 again", "3"}));
    EXPECT_EQ(next.counts, (std::vector<int>{1, 1, 0}));
    TakingLink thief;  // the same when a newer connection takes over
    owner().attach(device(), thief);
    queue().offer(device());
    hub->settle();
    EXPECT_EQ(thief.bodies, (Texts{"1 again", "2 again", "3 again"}));
    EXPECT_EQ(settle(thief.locks[0], Settlement::complete), Errc{});
}

TEST_F(CloudMessagesTest, OnTheirWayToALinkThatGoesAreNotLostNorCounted) {
    EXPECT_EQ(send("1"), Errc{});
    TakingLink link;
    owner().attach(device(), link);
    queue().offer(device());
    owner().detach(device(), link);
    hub->settle();
    EXPECT_TRUE(link.bodies.empty());
    const auto received = receive();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->delivery_count, 0);
}

TEST_F(CloudMessagesTest, AreDoneWithIfTheDeviceDoesNotAnswer) {
    TakingLink link;
    link.answer = Taken::for_good;
    owner().attach(device(), link);
    ASSERT_TRUE(send(asking(Ack::full)));
    EXPECT_EQ(outcomes(), Texts{"m Success"});
    EXPECT_EQ(device().c2d_count, 0U);
}

TEST_F(CloudMessagesTest, ThatALinkDoesNotTakeAfterAllAreOfferedAgain) {
    TakingLink link;
    link.answer = Taken::not_now;
    owner().attach(device(), link);
    for (const char* text : {"1", "2"}) EXPECT_EQ(send(text), Errc{});
    link.bodies.clear();
    link.answer = Taken::until_settled;
    queue().offer(device());
    hub->settle();
    EXPECT_EQ(link.bodies, (Texts{"1", "2"}));
}

TEST_F(CloudMessagesTest, AreOfferedToTheLinkWhenAPollGivesThemBack) {
    EXPECT_EQ(send("1"), Errc{});
    TakingLink link;
    owner().attach(device(), link);
    const auto polled = receive(60s);
    ASSERT_TRUE(polled);
    EXPECT_EQ(settle(polled->lock, Settlement::abandon), Errc{});
    EXPECT_EQ(link.bodies, Texts{"1 again"});
}

TEST_F(CloudMessagesTest, AreLockedForALinkAsLongAsItSays) {
    TakingLink link;
    link.lock_time = 60s;
    owner().attach(device(), link);
    EXPECT_EQ(send("1"), Errc{});
    hub->advance(60s);
    EXPECT_EQ(link.bodies, (Texts{"1", "1 again"}));
    EXPECT_EQ(settle(link.locks[0], Settlement::complete), Errc::device_message_lock_lost);
    EXPECT_EQ(settle(link.locks[1], Settlement::complete), Errc{});
}

TEST_F(CloudMessagesTest, OfAModuleAreItsOwn) {
    const auto key = IdentityKey::parse("d", "m").value();
    ASSERT_TRUE(hub->run(owner().put_identity(key, "{}", {})));
    Record& module = *owner().directory().find(key);
    queue().enqueue(module, message("to m"), [](const Result<std::uint64_t>&) {});
    hub->settle();
    EXPECT_EQ(body(), "none");
    EXPECT_EQ(module.c2d_count, 1U);
    EXPECT_EQ(device().c2d_count, 0U);
}

TEST_F(CloudMessagesTest, ForAnInputAreOfModulesAndHaveANameThatATopicCanHold) {
    const auto key = IdentityKey::parse("d", "m").value();
    ASSERT_TRUE(hub->run(owner().put_identity(key, "{}", {})));
    const auto sent = [&](Record& to, std::string input) {
        CloudMessage made = message("x");
        made.system = {{std::string(CloudMessage::input_property), std::move(input)}};
        Errc code{};
        queue().enqueue(to, std::move(made), [&code](const Result<std::uint64_t>& r) {
            if (!r) code = r.error().code;
        });
        hub->settle();
        return code;
    };
    Record& module = *owner().directory().find(key);
    EXPECT_EQ(sent(module, "in-1.a_b~"), Errc{});
    EXPECT_EQ(sent(module, std::string(128, 'i')), Errc{});
    for (const auto& bad : {std::string("a/b"), std::string("+"), std::string("#"), std::string("a b"),
                            std::string("é"), std::string(129, 'i')})
        EXPECT_EQ(sent(module, bad), Errc::argument_invalid) << bad;
    EXPECT_EQ(sent(device(), "in1"), Errc::argument_invalid);
}

TEST_F(CloudMessagesTest, ThatALinkDoesNotWantLetOthersPassAndComeWhenItDoes) {
    const auto key = IdentityKey::parse("d", "m").value();
    ASSERT_TRUE(hub->run(owner().put_identity(key, "{}", {})));
    Record& module = *owner().directory().find(key);
    const auto queued = [&](std::string body, bool is_for_input) {
        CloudMessage made = message(std::move(body));
        if (is_for_input) made.system = {{std::string(CloudMessage::input_property), "in1"}};
        queue().enqueue(module, std::move(made), [](const Result<std::uint64_t>& r) { EXPECT_TRUE(r); });
        hub->settle();
    };
    queued("1", false);
    queued("2", true);
    queued("3", false);
    TakingLink link;
    link.wants_inputs_only = true;
    owner().attach(module, link);
    queue().offer(module);
    hub->settle();
    EXPECT_EQ(link.bodies, (Texts{"2"})) << "from the store";
    queued("4", false);
    queued("5", true);
    EXPECT_EQ(link.bodies, (Texts{"2", "5"})) << "as they come";
    queue().offer(module);
    hub->settle();
    EXPECT_EQ(link.bodies.size(), 2U) << "they are not offered again and again";
    link.wants_inputs_only = false;
    queue().offer_all(module);
    hub->settle();
    EXPECT_EQ(link.bodies, (Texts{"2", "5", "1", "3", "4"}));
    EXPECT_EQ(module.c2d_count, 5U) << "nothing is lost";
}

}  // namespace
}  // namespace carillon
