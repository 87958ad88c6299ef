// Links of a connection: messages, credit, dispositions, and what ends a link or a session.

#include "wire/amqp/connection_testing.hpp"

#include <gtest/gtest.h>

namespace carillon::amqp {
namespace {

using testing::attach_of;
using testing::message_of;
using testing::Pair;
using Log = std::vector<std::string>;

DeliveryState state_of(Outcome outcome) {
    DeliveryState state;
    state.outcome = outcome;
    return state;
}

bool send(Pair& pair, LinkId link, std::string_view content, bool settled = false, std::uint64_t cookie = 0) {
    const std::string message = message_of(content);
    return pair.client.connection.send(link, {.tag = as_bytes("t"), .settled = settled, .cookie = cookie},
                                       as_bytes(message));
}

TEST(AmqpLinks, AMessageArrivesAndIsAccepted) {
    for (const std::size_t piece : {1, 5, 100000}) {
        Pair pair;
        const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "/devices/d1/messages/events");
        EXPECT_TRUE(send(pair, link, "hello", false, 42));
        EXPECT_TRUE(send(pair, link, "again", true, 43));
        pair.run(piece);
        EXPECT_EQ(pair.server.host.take_log(), (Log{"message 1 0 hello", "message 1 1 again settled"}));
        EXPECT_EQ(pair.client.host.take_log(), (Log{"disposed 1 42 accepted"}));
    }
}

TEST(AmqpLinks, ALinkOfTheServerIsEchoedAsItWasAskedFor) {
    Pair pair;
    const SessionId session = pair.open();
    std::string properties;
    {
        MapWriter map(properties);
        append_string(map.symbol_key("com.microsoft:api-version"), "2021-04-12");
    }
    Attach asked = attach_of("r", LinkRole::receiver, "/devices/d1/twin");
    asked.sender_mode = SenderSettleMode::settled;
    asked.receiver_mode = ReceiverSettleMode::second;
    asked.target.is_present = true;
    asked.target.address = "local";
    asked.properties = as_bytes(properties);
    pair.client.connection.attach(session, asked, {});
    pair.client.connection.flush();
    pair.server.connection.receive(as_bytes(std::exchange(pair.client.host.sent, {})), pair.now);
    pair.server.connection.flush();
    const std::string sent = pair.server.host.sent;
    const auto answer =
        std::get<Attach>(*decode_performative(as_bytes(std::string_view(sent).substr(frame_header_bytes))));
    EXPECT_EQ(answer.name, "r");
    EXPECT_EQ(answer.role, LinkRole::sender);
    EXPECT_EQ(answer.sender_mode, SenderSettleMode::settled);
    EXPECT_EQ(answer.receiver_mode, ReceiverSettleMode::second);
    EXPECT_EQ(answer.source.address, "/devices/d1/twin");
    EXPECT_EQ(answer.target.address, "local");
    EXPECT_EQ(answer.initial_delivery_count, 0U);
    EXPECT_EQ(as_text(answer.properties), properties);
    EXPECT_EQ(answer.max_message_size, std::nullopt);
}

TEST(AmqpLinks, ASenderIsToldTheGreatestMessage) {
    Pair pair;
    const SessionId session = pair.open();
    const LinkId link = pair.link(session, "t", LinkRole::sender, "a");
    EXPECT_TRUE(send(pair, link, std::string(1000 * 1000, 'x')));
    pair.run();
    pair.client.host.take_log();
    EXPECT_FALSE(send(pair, link, std::string(ConnectionLimits::message_bytes_max, 'x')));
}

TEST(AmqpLinks, ARefusedLinkIsAttachedAndDetached) {
    Pair pair;
    const SessionId session = pair.open();
    pair.server.host.decides = false;
    pair.client.connection.attach(session, attach_of("t", LinkRole::sender, "/nowhere"), {});
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"link 1 to /nowhere"}));
    EXPECT_FALSE(pair.server.connection.wants_input());
    pair.server.connection.refuse_link(1, {.name = "amqp:not-found", .description = "{}", .info = {}});
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), (Log{"attached 1 t refused", "detached 1 amqp:not-found"}));
    EXPECT_EQ(pair.server.connection.link_count(), 0U);
    EXPECT_EQ(pair.client.connection.link_count(), 0U);
    EXPECT_TRUE(pair.server.connection.wants_input());
}

TEST(AmqpLinks, WhatFollowsALinkThatIsBeingDecidedWaits) {
    Pair pair;
    const SessionId session = pair.open();
    pair.server.host.decides = false;
    pair.client.connection.attach(session, attach_of("a", LinkRole::sender, "a"), {});
    pair.client.connection.attach(session, attach_of("b", LinkRole::sender, "b"), {});
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"link 1 to a"}));
    pair.server.connection.accept_link(1, {.credit = 5});
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"link 2 to b"}));
    EXPECT_EQ(pair.client.connection.credit(1), 5U);
    // An answer to what is not asked is none.
    pair.server.connection.accept_link(7, {});
    pair.server.connection.refuse_link(1, {});
    pair.server.connection.accept_link(2, {.credit = 1});
    pair.run();
    EXPECT_EQ(pair.client.connection.credit(2), 1U);
}

TEST(AmqpLinks, CreditIsRenewedForAsLongAsMessagesCome) {
    Pair pair;
    pair.server.host.credit = 4;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    for (int i = 0; i < 20000; ++i) {
        ASSERT_TRUE(send(pair, link, "x")) << i;
        if (i % 3 == 0) pair.run();
    }
    pair.run();
    EXPECT_EQ(pair.server.host.log.size(), 20000U);
    EXPECT_FALSE(pair.server.connection.is_closed());
}

TEST(AmqpLinks, TheSessionsWindowIsRenewedThoughCreditLasts) {
    Pair pair;
    pair.server.host.credit = 1'000'000;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    for (int i = 0; i < 3 * 5000; ++i) {
        ASSERT_TRUE(send(pair, link, "x", true)) << i;
        if (i % 100 == 0) pair.run();
    }
    pair.run();
    EXPECT_EQ(pair.server.host.log.size(), 15000U);
}

TEST(AmqpLinks, MessagesWaitForCreditAndTheQueueEnds) {
    Pair pair;
    pair.server.host.credit = 0;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    for (std::size_t i = 0; i < ConnectionLimits::queued_max; ++i) EXPECT_TRUE(send(pair, link, "x"));
    EXPECT_FALSE(send(pair, link, "x"));
    pair.run();
    EXPECT_TRUE(pair.server.host.take_log().empty());
    pair.server.connection.grant(1, 2, false);
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"message 1 0 x", "message 1 1 x"}));
    EXPECT_TRUE(send(pair, link, "x"));
}

TEST(AmqpLinks, QueuedBytesEndAtTheirLimit) {
    Pair pair;
    pair.server.host.credit = 0;
    const SessionId session = pair.open();
    const LinkId first = pair.link(session, "a", LinkRole::sender, "a");
    const LinkId second = pair.link(session, "b", LinkRole::sender, "b");
    const std::string half(ConnectionLimits::queued_bytes_max / 2 - 100, 'x');
    EXPECT_TRUE(send(pair, first, half));
    EXPECT_TRUE(send(pair, second, half));
    EXPECT_FALSE(send(pair, second, half));
    // What a link held is free again when it has gone.
    pair.client.connection.detach(first, {});
    pair.run();
    EXPECT_TRUE(send(pair, second, half));
}

TEST(AmqpLinks, ALongMessageIsSentInFramesOfThePeersSize) {
    Pair pair;
    pair.server.host.credit = 10;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    const std::string content(300'000, 'x');
    EXPECT_TRUE(send(pair, link, content));
    EXPECT_TRUE(send(pair, link, "short"));
    pair.run(1000);
    EXPECT_EQ(pair.server.host.take_log(), (Log{"message 1 0 " + content, "message 1 1 short"}));
}

TEST(AmqpLinks, DeliveriesInHandStopTheInput) {
    Pair pair;
    pair.server.host.credit = 1000;
    pair.server.host.disposes = false;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    for (std::size_t i = 0; i < ConnectionLimits::in_hand_max + 1; ++i) EXPECT_TRUE(send(pair, link, "x"));
    pair.run();
    EXPECT_EQ(pair.server.host.take_log().size(), ConnectionLimits::in_hand_max);
    EXPECT_FALSE(pair.server.connection.wants_input());
    pair.server.host.dispose_all();
    EXPECT_TRUE(pair.server.connection.wants_input());
    EXPECT_EQ(pair.server.host.take_log().size(), 1U);
}

TEST(AmqpLinks, BytesInHandStopTheInputAndADetachGivesThemBack) {
    Pair pair;
    pair.server.host.disposes = false;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    EXPECT_TRUE(send(pair, link, std::string(ConnectionLimits::in_hand_bytes_max - 8, 'x')));
    pair.run();
    EXPECT_FALSE(pair.server.connection.wants_input());
    pair.server.connection.detach(1, {});
    EXPECT_TRUE(pair.server.connection.wants_input());
    pair.server.host.dispose_all();
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), (Log{"detached 1"}));
}

TEST(AmqpLinks, AcceptancesInARowAreOneDisposition) {
    Pair pair;
    pair.server.host.disposes = false;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    for (std::uint64_t i = 0; i < 5; ++i) EXPECT_TRUE(send(pair, link, "x", false, i));
    pair.run();
    pair.server.host.dispose_all();
    EXPECT_TRUE(pair.server.host.sent.empty());
    pair.server.connection.flush();
    EXPECT_LT(pair.server.host.sent.size(), 40U);
    pair.run();
    EXPECT_EQ(pair.client.host.take_log().size(), 5U);
}

TEST(AmqpLinks, EachOutcomeReachesTheSender) {
    for (const Outcome outcome :
         {Outcome::accepted, Outcome::rejected, Outcome::released, Outcome::modified}) {
        Pair pair;
        pair.server.host.outcome = outcome;
        const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
        EXPECT_TRUE(send(pair, link, "x", false, 9));
        pair.run();
        EXPECT_EQ(pair.client.host.take_log(),
                  (Log{"disposed 1 9 " + std::string(testing::name_of(outcome))}));
    }
}

/// As uamqp sends, which asks for mode second and waits for a disposition that is settled. azure-uamqp-c:
/// link.c.
TEST(AmqpLinks, WhatTheServerReceivesItSettlesAtOnceInModeSecondToo) {
    Pair pair;
    const SessionId session = pair.open();
    Attach asked = attach_of("t", LinkRole::sender, "a");
    asked.receiver_mode = ReceiverSettleMode::second;
    const auto link = pair.client.connection.attach(session, asked, {});
    pair.run();
    pair.client.host.take_log();
    EXPECT_TRUE(send(pair, *link, "x", false, 9));
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), (Log{"disposed 1 9 accepted"}));
}

/// A link over which the server sends, and whose client receives in the given mode.
struct Downward : Pair {
    explicit Downward(ReceiverSettleMode mode, std::uint32_t credit = 10) {
        Attach asked = attach_of("r", LinkRole::receiver, "/devices/d1/messages/devicebound");
        asked.receiver_mode = mode;
        const SessionId session = open();
        client.connection.attach(session, asked, {.credit = credit});
        run();
        client.host.take_log();
        server.host.take_log();
    }
    bool send_down(std::string_view content, std::uint64_t cookie = 0) {
        const std::string message = message_of(content);
        return server.connection.send(1, {.tag = as_bytes("0123456789abcdef"), .cookie = cookie},
                                      as_bytes(message));
    }
};

TEST(AmqpLinks, AReceiverOfModeFirstSettlesByItself) {
    Downward pair(ReceiverSettleMode::first);
    EXPECT_TRUE(pair.send_down("c2d", 5));
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), (Log{"message 1 0 c2d"}));
    EXPECT_EQ(pair.server.host.take_log(), (Log{"disposed 1 5 accepted"}));
}

/// azure-iot-sdk-csharp: AmqpIotOutcome waits for the hub's own disposition.
TEST(AmqpLinks, AReceiverOfModeSecondWaitsForTheSender) {
    for (const Outcome outcome : {Outcome::accepted, Outcome::released, Outcome::rejected}) {
        Downward pair(ReceiverSettleMode::second);
        pair.client.host.outcome = outcome;
        EXPECT_TRUE(pair.send_down("c2d", 5));
        pair.run();
        EXPECT_EQ(pair.client.host.take_log(), (Log{"message 1 0 c2d"}));
        EXPECT_EQ(pair.server.host.take_log(),
                  (Log{"disposed 1 5 " + std::string(testing::name_of(outcome)) + " unsettled"}));
        const Disposal disposal = pair.server.host.disposals.at(0);
        pair.server.connection.settle(disposal, state_of(Outcome::accepted));
        pair.server.connection.settle(disposal, state_of(Outcome::accepted));
        pair.run();
        EXPECT_EQ(pair.client.host.take_log(), (Log{"confirmed 1 0 accepted"}));
    }
}

TEST(AmqpLinks, ARangeOfDispositionsTakesNoLongerThanThereAreDeliveries) {
    Downward pair(ReceiverSettleMode::first, 100);
    pair.client.host.disposes = false;
    for (std::uint64_t i = 0; i < 3; ++i) EXPECT_TRUE(pair.send_down("x", i));
    pair.run();
    std::string frame;
    append_disposition(
        frame, 0, {.first = 1, .last = 0x7FFFFFFF, .settled = true, .state = state_of(Outcome::accepted)});
    pair.server.connection.receive(as_bytes(frame), pair.now);
    EXPECT_EQ(pair.server.host.take_log(), (Log{"disposed 1 1 accepted", "disposed 1 2 accepted"}));
    pair.server.connection.receive(as_bytes(frame), pair.now);
    EXPECT_TRUE(pair.server.host.take_log().empty());
    // Backwards: none.
    frame.clear();
    append_disposition(frame, 0,
                       {.first = 5, .last = 0, .settled = true, .state = state_of(Outcome::accepted)});
    pair.server.connection.receive(as_bytes(frame), pair.now);
    EXPECT_TRUE(pair.server.host.take_log().empty());
}

TEST(AmqpLinks, UnsettledDeliveriesEndAtTheirLimit) {
    Downward pair(ReceiverSettleMode::first, 100'000);
    pair.client.host.disposes = false;
    std::size_t sent = 0;
    while (pair.send_down("x")) {
        ++sent;
        // The client takes no more than it has in hand: give it back without a disposition.
        if (sent % 100 == 0) {
            pair.run();
            const std::string keep = std::exchange(pair.client.host.sent, {});
            pair.client.host.dispose_all();
            pair.client.connection.flush();
            pair.client.host.sent = keep;
        }
        if (sent > 2 * ConnectionLimits::unsettled_max) break;
    }
    EXPECT_GE(sent, ConnectionLimits::unsettled_max);
    EXPECT_LE(sent, ConnectionLimits::unsettled_max + ConnectionLimits::queued_max);
}

TEST(AmqpLinks, ADrainIsAnsweredWithNoCredit) {
    Downward pair(ReceiverSettleMode::first, 0);
    pair.client.connection.grant(1, 10, false);
    pair.run();
    EXPECT_EQ(pair.server.connection.credit(1), 10U);
    EXPECT_TRUE(pair.send_down("x"));
    pair.run();
    pair.client.host.take_log();
    pair.client.connection.grant(1, 9, true);
    pair.run();
    EXPECT_EQ(pair.server.connection.credit(1), 0U);
    EXPECT_EQ(pair.client.connection.credit(1), 0U);
    EXPECT_EQ(pair.client.host.take_log(), (Log{"flow 1 0"}));
    pair.client.connection.grant(1, 1, false);
    pair.run();
    EXPECT_EQ(pair.server.connection.credit(1), 1U);
    EXPECT_TRUE(pair.send_down("y"));
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), (Log{"message 1 1 y"}));
}

TEST(AmqpLinks, EitherEndDetaches) {
    Pair pair;
    const SessionId session = pair.open();
    const LinkId first = pair.link(session, "a", LinkRole::sender, "a");
    const LinkId second = pair.link(session, "b", LinkRole::sender, "b");
    pair.client.connection.detach(first, {});
    pair.server.connection.detach(2, {.name = "amqp:link:stolen", .description = {}, .info = {}});
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"detached 1"}));
    EXPECT_EQ(pair.client.host.take_log(), (Log{"detached 2 amqp:link:stolen"}));
    EXPECT_EQ(pair.server.connection.link_count() + pair.client.connection.link_count(), 0U);
    EXPECT_FALSE(send(pair, second, "x"));
    const LinkId third = pair.link(session, "a", LinkRole::sender, "a");
    EXPECT_TRUE(send(pair, third, "x"));
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"message 3 0 x"}));
}

/// Frames of a client that attached one sender (handle 0) and one receiver (handle 1), and what they lead to.
struct Raw : Pair {
    Raw() {
        const SessionId session = open();
        link(session, "t", LinkRole::sender, "a");
        link(session, "r", LinkRole::receiver, "b");
    }
    void receive(std::string_view frame) { server.connection.receive(as_bytes(frame), now); }
    /// The condition of the frame the server says next: of a detach, an end or a close.
    std::string answer() {
        server.connection.flush();
        const std::string sent = std::exchange(server.host.sent, {});
        if (sent.size() < frame_header_bytes) return "nothing";
        const auto performative =
            decode_performative(as_bytes(std::string_view(sent).substr(frame_header_bytes)));
        if (!performative) return "several";
        if (const auto* detach = std::get_if<Detach>(&*performative))
            return "detach " + std::string(detach->error.name);
        if (const auto* end = std::get_if<End>(&*performative)) return "end " + std::string(end->error.name);
        if (const auto* close = std::get_if<Close>(&*performative))
            return "close " + std::string(close->error.name);
        return "other";
    }
    static std::string transfer(Transfer transfer, std::string_view content = "x", bool more = false) {
        transfer.delivery_tag = as_bytes("t");
        std::string frame;
        std::string message = message_of(content);
        // A frame too small for all of it sets `more`.
        if (more) message.resize(message.size() + frame_bytes_min, 'm');
        Bytes payload = as_bytes(message);
        append_transfer(frame, 0, transfer, payload, frame_bytes_min);
        return frame;
    }
};

TEST(AmqpLinks, BreachesEndTheLinkTheSessionOrTheConnection) {
    const Transfer good{.handle = 0,
                        .delivery_id = 0,
                        .delivery_tag = {},
                        .message_format = 0,
                        .settled = {},
                        .state = {},
                        .payload = {}};
    const auto with = [&good](auto change) {
        Transfer transfer = good;
        change(transfer);
        return transfer;
    };
    const auto flow_of = [](std::uint32_t handle) {
        std::string frame;
        append_flow(frame, 0,
                    {.next_incoming_id = 1,
                     .incoming_window = 9,
                     .handle = handle,
                     .delivery_count = 0,
                     .link_credit = 1,
                     .available = {}});
        return frame;
    };
    const auto attach_frame = [](std::uint32_t handle) {
        Attach attach = attach_of("new", LinkRole::sender, "a");
        attach.handle = handle;
        std::string frame;
        append_attach(frame, 0, attach);
        return frame;
    };
    const auto detach_frame = [](std::uint32_t handle) {
        std::string frame;
        append_detach(frame, 0, {.handle = handle, .closed = true, .error = {}});
        return frame;
    };
    const std::tuple<const char*, std::string, const char*> cases[] = {
        {"transfer to no link", Raw::transfer(with([](Transfer& t) { t.handle = 9; })),
         "end amqp:session:unattached-handle"},
        {"transfer to a sender", Raw::transfer(with([](Transfer& t) { t.handle = 1; })),
         "close amqp:not-allowed"},
        {"transfer without id", Raw::transfer(with([](Transfer& t) { t.delivery_id.reset(); })),
         "close amqp:not-allowed"},
        {"a delivery within another",
         Raw::transfer(good, "x", true) + Raw::transfer(with([](Transfer& t) { t.delivery_id = 1; })),
         "close amqp:not-allowed"},
        {"flow for no link", flow_of(9), "end amqp:session:unattached-handle"},
        {"detach of no link", detach_frame(9), "end amqp:session:unattached-handle"},
        {"attach on a handle in use", attach_frame(0), "end amqp:session:handle-in-use"},
    };
    for (const auto& [what, frames, expected] : cases) {
        Raw raw;
        raw.receive(frames);
        EXPECT_EQ(raw.answer(), expected) << what;
    }
}

TEST(AmqpLinks, MoreDeliveriesThanTheCreditEndTheLink) {
    Pair pair;
    pair.server.host.credit = 0;
    pair.link(pair.open(), "t", LinkRole::sender, "a");
    pair.server.connection.receive(as_bytes(Raw::transfer({.delivery_id = 0,
                                                           .delivery_tag = {},
                                                           .message_format = 0,
                                                           .settled = {},
                                                           .state = {},
                                                           .payload = {}})),
                                   pair.now);
    EXPECT_EQ(pair.server.host.take_log(), (Log{"detached 1 amqp:link:transfer-limit-exceeded"}));
    // The peer's detach is awaited; what was on its way is discarded.
    pair.server.connection.receive(as_bytes(Raw::transfer({.delivery_id = 1,
                                                           .delivery_tag = {},
                                                           .message_format = 0,
                                                           .settled = {},
                                                           .state = {},
                                                           .payload = {}})),
                                   pair.now);
    EXPECT_TRUE(pair.server.host.take_log().empty());
    EXPECT_EQ(pair.server.connection.link_count(), 1U);
    pair.run();
    EXPECT_EQ(pair.server.connection.link_count(), 0U);
}

TEST(AmqpLinks, AMessageOverTheGreatestEndsTheLink) {
    Pair pair;
    pair.link(pair.open(), "t", LinkRole::sender, "a");
    const Transfer part{
        .delivery_id = 0, .delivery_tag = {}, .message_format = 0, .settled = {}, .state = {}, .payload = {}};
    std::size_t sent = 0;
    while (pair.server.host.log.empty() && sent < 2 * ConnectionLimits::message_bytes_max) {
        pair.server.connection.receive(as_bytes(Raw::transfer(part, "x", true)), pair.now);
        sent += 400;
    }
    EXPECT_EQ(pair.server.host.take_log(), (Log{"detached 1 amqp:link:message-size-exceeded"}));
    EXPECT_LE(sent, ConnectionLimits::message_bytes_max + 512);
}

TEST(AmqpLinks, BytesOfUnfinishedMessagesEndAtTheirLimit) {
    Pair pair;
    const SessionId session = pair.open();
    for (int i = 0; i < 4; ++i) pair.link(session, "t" + std::to_string(i), LinkRole::sender, "a");
    std::size_t sent = 0;
    for (std::uint32_t handle = 0; handle < 4; ++handle) {
        for (int i = 0; i < 2000 && !pair.server.connection.is_closed(); ++i) {
            Transfer part{.handle = handle,
                          .delivery_id = handle,
                          .delivery_tag = {},
                          .message_format = 0,
                          .settled = {},
                          .state = {},
                          .payload = {}};
            pair.server.connection.receive(as_bytes(Raw::transfer(part, "x", true)), pair.now);
            sent += 400;
        }
    }
    EXPECT_TRUE(pair.server.connection.is_closed());
    EXPECT_LE(sent, ConnectionLimits::partial_bytes_max + 1024);
}

TEST(AmqpLinks, AnAbortedDeliveryIsForgotten) {
    Raw raw;
    const Transfer part{
        .delivery_id = 0, .delivery_tag = {}, .message_format = 0, .settled = {}, .state = {}, .payload = {}};
    raw.receive(Raw::transfer(part, "lost", true));
    // Nothing here sends `aborted`: handle 0, eight nulls, true.
    raw.receive(testing::from_hex("00000018 02 00 0000 00 53 14 c0 0b 0a 43 40 40 40 40 40 40 40 40 41"));
    raw.receive(Raw::transfer({.delivery_id = 1,
                               .delivery_tag = {},
                               .message_format = 0,
                               .settled = {},
                               .state = {},
                               .payload = {}},
                              "kept"));
    EXPECT_EQ(raw.server.host.take_log(), (Log{"message 1 1 kept"}));
}

TEST(AmqpLinks, FramesOfASessionThatWasEndedAreDiscarded) {
    Raw raw;
    raw.receive(Raw::transfer({.handle = 9,
                               .delivery_id = 0,
                               .delivery_tag = {},
                               .message_format = 0,
                               .settled = {},
                               .state = {},
                               .payload = {}}));
    EXPECT_EQ(raw.server.host.take_log(), (Log{"detached 1 amqp:session:unattached-handle",
                                               "detached 2 amqp:session:unattached-handle"}));
    raw.receive(Raw::transfer({.handle = 0,
                               .delivery_id = 1,
                               .delivery_tag = {},
                               .message_format = 0,
                               .settled = {},
                               .state = {},
                               .payload = {}}));
    EXPECT_TRUE(raw.server.host.take_log().empty());
    EXPECT_EQ(raw.server.connection.session_count(), 1U);
    raw.run();
    EXPECT_EQ(raw.server.connection.session_count(), 0U);
    EXPECT_EQ(raw.client.connection.session_count(), 0U);
    EXPECT_FALSE(raw.server.connection.is_closed());
}

TEST(AmqpLinks, AnswersForALinkThatHasGoneAreNone) {
    Pair pair;
    pair.server.host.disposes = false;
    const LinkId link = pair.link(pair.open(), "t", LinkRole::sender, "a");
    EXPECT_TRUE(send(pair, link, "x"));
    pair.run();
    pair.client.connection.detach(link, {});
    pair.run();
    pair.server.host.dispose_all();
    pair.server.connection.detach(1, {});
    pair.server.connection.grant(1, 5, false);
    EXPECT_FALSE(pair.server.connection.send(1, {.tag = as_bytes("t")}, as_bytes("m")));
    pair.server.connection.flush();
    EXPECT_EQ(pair.server.host.sent, "");
    EXPECT_EQ(pair.server.connection.credit(1), 0U);
}

TEST(AmqpLinks, OthersGoOnWhileARefusalIsPostponed) {
    Pair pair;
    const SessionId session = pair.open();
    const LinkId good = pair.link(session, "good", LinkRole::sender, "a");
    pair.server.host.decides = false;
    pair.client.connection.attach(session, attach_of("bad", LinkRole::sender, "/b"), {});
    pair.run();
    EXPECT_FALSE(pair.server.connection.wants_input());
    ASSERT_TRUE(pair.server.connection.postpone_link(2));
    EXPECT_FALSE(pair.server.connection.postpone_link(2)) << "once is enough";
    EXPECT_TRUE(pair.server.connection.wants_input());
    pair.server.host.decides = true;
    EXPECT_TRUE(send(pair, good, "hello"));
    pair.client.connection.attach(session, attach_of("next", LinkRole::receiver, "c"), {});
    pair.run();
    EXPECT_EQ(pair.server.host.take_log(), (Log{"link 2 to /b", "message 1 0 hello", "link 3 from c"}));
    EXPECT_EQ(pair.client.host.take_log(), (Log{"disposed 1 0 accepted", "attached 3 next"}));
    pair.server.connection.accept_link(2, {});
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), Log{}) << "only a refusal may follow";
    pair.server.connection.refuse_link(2, {.name = "amqp:not-allowed", .description = {}, .info = {}});
    pair.run();
    EXPECT_EQ(pair.client.host.take_log(), (Log{"attached 2 bad refused", "detached 2 amqp:not-allowed"}));
    EXPECT_EQ(pair.server.connection.link_count(), 2U);
    EXPECT_EQ(pair.client.connection.link_count(), 2U);
}

TEST(AmqpLinks, APostponedLinkMayGoBeforeItsRefusal) {
    Pair pair;
    const SessionId session = pair.open();
    pair.server.host.decides = false;
    const auto link = pair.client.connection.attach(session, attach_of("bad", LinkRole::sender, "/b"), {});
    pair.run();
    ASSERT_TRUE(pair.server.connection.postpone_link(1));
    pair.client.connection.detach(*link, {});
    pair.run();
    EXPECT_EQ(pair.server.connection.link_count(), 0U);
    EXPECT_EQ(pair.client.connection.link_count(), 0U);
    pair.server.connection.refuse_link(1, {.name = "amqp:not-allowed", .description = {}, .info = {}});
    pair.run();
    EXPECT_TRUE(pair.server.connection.is_open());
    // So may its session.
    pair.client.connection.attach(session, attach_of("worse", LinkRole::sender, "/b"), {});
    pair.run();
    ASSERT_TRUE(pair.server.connection.postpone_link(2));
    pair.client.connection.end(session);
    pair.run();
    pair.server.connection.refuse_link(2, {.name = "amqp:not-allowed", .description = {}, .info = {}});
    EXPECT_EQ(pair.server.connection.link_count(), 0U);
    // Both have given back what they took of the limit.
    const auto other = pair.client.connection.begin();
    pair.run();
    for (std::size_t i = 0; i < ConnectionLimits::postponed_links_max; ++i) {
        const std::string name = "l" + std::to_string(i);
        pair.client.connection.attach(*other, attach_of(name, LinkRole::sender, name), {});
        pair.run();
        EXPECT_TRUE(pair.server.connection.postpone_link(static_cast<LinkId>(3 + i))) << i;
    }
    pair.client.connection.attach(*other, attach_of("more", LinkRole::sender, "more"), {});
    pair.run();
    EXPECT_FALSE(pair.server.connection.postpone_link(3 + ConnectionLimits::postponed_links_max));
}

TEST(AmqpLinks, AnswersFindTheirLinksInAnyOrderAndByRole) {
    Pair pair;
    const SessionId session = pair.open();
    pair.client.connection.attach(session, attach_of("same", LinkRole::sender, "/a"), {});
    pair.client.connection.attach(session, attach_of("same", LinkRole::receiver, "/a"), {});
    pair.client.connection.flush();
    // The server's answers come in the other order.
    const auto answer = [&](LinkRole role, std::uint32_t handle) {
        std::string frame;
        Attach attach = attach_of("same", role, "/a");
        attach.handle = handle;
        if (role == LinkRole::sender) attach.initial_delivery_count = 0;
        append_attach(frame, 0, attach);
        pair.client.connection.receive(as_bytes(frame), pair.now);
    };
    answer(LinkRole::sender, 8);
    answer(LinkRole::receiver, 9);
    EXPECT_EQ(pair.client.host.take_log(), (Log{"attached 2 same", "attached 1 same"}));
    answer(LinkRole::sender, 10);
    pair.client.connection.flush();
    EXPECT_NE(pair.client.host.sent.find("the answer to no attach"), std::string::npos);
}

TEST(AmqpLinks, AThousandLinksOfAsManySessionsWorkSideBySide) {
    Pair pair;
    pair.open();
    std::vector<LinkId> links;
    for (int i = 0; i < 1000; ++i) {
        const auto session = pair.client.connection.begin();
        pair.run();
        const std::string name = "l" + std::to_string(i);
        links.push_back(
            *pair.client.connection.attach(*session, attach_of(name, LinkRole::sender, name), {}));
        pair.run();
    }
    pair.server.host.take_log();
    for (const LinkId link : links) EXPECT_TRUE(send(pair, link, std::to_string(link)));
    pair.run();
    const Log log = pair.server.host.take_log();
    ASSERT_EQ(log.size(), 1000U);
    EXPECT_EQ(log[999], "message 1000 0 1000");
}

}  // namespace
}  // namespace carillon::amqp
