#include "cluster/call_session.hpp"

#include "base/random.hpp"

#include <gtest/gtest.h>
#include <deque>
#include <map>
#include <optional>
#include <vector>

namespace carillon {
namespace {

using How = CallEnd::How;

struct Asker final : CallSession::Host {
    void asked(CallSession::CallId, CallHead, std::string) override { ADD_FAILURE(); }
    void given_up(CallSession::CallId) override { ADD_FAILURE(); }
    void answered(CallSession::CallId call, CallEnd end) override {
        EXPECT_TRUE(answers.emplace(call, std::move(end)).second) << "answered twice";
    }
    std::map<CallSession::CallId, CallEnd> answers;
};

struct Answerer final : CallSession::Host {
    struct Call {
        CallSession::CallId id;
        CallHead head;
        std::string request;
    };
    void asked(CallSession::CallId call, CallHead head, std::string request) override {
        calls.push_back({call, head, std::move(request)});
    }
    void given_up(CallSession::CallId call) override { gone.push_back(call); }
    void answered(CallSession::CallId, CallEnd) override { ADD_FAILURE(); }
    std::vector<Call> calls;
    std::vector<CallSession::CallId> gone;
};

class CallSessionTest : public ::testing::Test {
protected:
    void make(const CallLimits& limits) {
        asking_.emplace(CallSession::Side::asks, asker, limits);
        answering_.emplace(CallSession::Side::answers, answerer, limits);
        settle();
    }
    /// Brings what both sides say to the other one, in pieces.
    void settle() {
        for (bool moved = true; moved;) {
            moved = pass(*asking_, *answering_);
            moved = pass(*answering_, *asking_) || moved;
        }
    }
    bool pass(CallSession& from, CallSession& to) {
        std::string bytes;
        from.take_output(bytes, 64 * 1024);
        for (std::size_t at = 0; at < bytes.size(); at += piece) {
            const auto cut = bytes.substr(at, piece);
            EXPECT_TRUE(to.receive(as_bytes(cut)));
        }
        return !bytes.empty();
    }
    static CallHead head(std::uint32_t shard = 3) {
        return {.kind = CallKind::request, .shard = shard, .epoch = 5, .time_left_ms = 1500};
    }
    CallSession::CallId ask(std::string request) {
        const auto asked = asking_->ask(head(), std::move(request));
        EXPECT_TRUE(asked) << asked.error().detail;
        return asked.value_or(-1);
    }
    std::optional<How> end_of(CallSession::CallId call) const {
        const auto found = asker.answers.find(call);
        return found == asker.answers.end() ? std::nullopt : std::optional(found->second.how);
    }
    /// What was answered; empty unless it was.
    std::string answer_of(CallSession::CallId call) const {
        return end_of(call) == How::answered ? asker.answers.at(call).body : std::string();
    }

    std::size_t piece = 1000;
    Asker asker;
    Answerer answerer;
    std::optional<CallSession> asking_;
    std::optional<CallSession> answering_;
};

TEST_F(CallSessionTest, ACallBringsTheRequestAndItsAnswer) {
    make({});
    const std::string request("\0\xff request", 10);
    for (const CallKind kind : {CallKind::request, CallKind::wish, CallKind::news, CallKind::rest}) {
        const CallHead said{.kind = kind, .shard = 31, .epoch = -9'000'000'000, .time_left_ms = 1500};
        const auto call = asking_->ask(said, request);
        ASSERT_TRUE(call);
        settle();
        ASSERT_EQ(answerer.calls.size(), 1U);
        const auto heard = std::exchange(answerer.calls, {}).front();
        EXPECT_EQ(heard.head.kind, kind);
        EXPECT_EQ(heard.head.shard, 31U);
        EXPECT_EQ(heard.head.epoch, said.epoch);
        EXPECT_EQ(heard.head.time_left_ms, 1500U);
        EXPECT_EQ(heard.request, request);
        answering_->answer(heard.id, "the answer");
        settle();
        EXPECT_EQ(answer_of(*call), "the answer");
    }
    EXPECT_EQ(asking_->calls() + answering_->calls(), 0U);
    EXPECT_EQ(asking_->held_bytes() + answering_->held_bytes(), 0U);
}

TEST_F(CallSessionTest, ANodeWithoutTheShardSaysWhichEpochItKnows) {
    make({});
    const auto call = ask("x");
    settle();
    ASSERT_EQ(answerer.calls.size(), 1U);
    answering_->moved(answerer.calls[0].id, 77);
    settle();
    ASSERT_EQ(end_of(call), How::moved);
    EXPECT_EQ(asker.answers.at(call).epoch, 77);
    EXPECT_EQ(asking_->calls() + answering_->calls(), 0U);
}

TEST_F(CallSessionTest, ACallThatWasRefusedMayBeAskedAgain) {
    make({});
    const auto call = ask("x");
    settle();
    ASSERT_EQ(answerer.calls.size(), 1U);
    answering_->refuse(answerer.calls[0].id);
    settle();
    EXPECT_EQ(end_of(call), How::unsent);
    EXPECT_TRUE(answerer.gone.empty()) << "nobody has given it up";
}

TEST_F(CallSessionTest, AnEmptyRequestAndAnEmptyAnswerAreSome) {
    make({});
    const auto call = ask("");
    settle();
    ASSERT_EQ(answerer.calls.size(), 1U);
    answering_->answer(answerer.calls[0].id, "");
    settle();
    EXPECT_EQ(end_of(call), How::answered);
}

TEST_F(CallSessionTest, ManyCallsAreAnsweredInAnyOrderWhateverTheirSize) {
    make({});
    SeededRandom random(7);
    std::map<CallSession::CallId, std::string> asked;
    for (int i = 0; i < 500; ++i) {
        const std::size_t size = random.u64() % 10 == 0 ? random.u64() % 400'000 : random.u64() % 200;
        std::string request(size, static_cast<char>('a' + i % 26));
        const auto call = ask(request);
        asked.emplace(call, std::move(request));
        if (i % 20 == 0) settle();
        while (!answerer.calls.empty() && random.u64() % 3 != 0) {
            const std::size_t at = random.u64() % answerer.calls.size();
            auto one = std::move(answerer.calls[at]);
            answerer.calls.erase(answerer.calls.begin() + static_cast<std::ptrdiff_t>(at));
            answering_->answer(one.id, "of " + one.request);
        }
    }
    settle();
    for (auto& one : std::exchange(answerer.calls, {})) answering_->answer(one.id, "of " + one.request);
    settle();
    ASSERT_EQ(asker.answers.size(), asked.size());
    for (const auto& [call, request] : asked) {
        EXPECT_EQ(answer_of(call), "of " + request);
    }
    EXPECT_EQ(asking_->held_bytes() + answering_->held_bytes(), 0U);
}

TEST_F(CallSessionTest, MoreCallsThanTheLimitAreRefusedHere) {
    make({.calls_max = 3});
    for (int i = 0; i < 3; ++i) ask("x");
    EXPECT_EQ(asking_->ask(head(), "x").error().code, Errc::service_unavailable);
    settle();
    ASSERT_EQ(answerer.calls.size(), 3U);
    answering_->answer(answerer.calls[0].id, "y");
    settle();
    EXPECT_TRUE(asking_->ask(head(), "x"));
}

TEST_F(CallSessionTest, AnAnswerOverTheLimitIsNone) {
    make({.body_bytes_max = 1000});
    EXPECT_EQ(asking_->ask(head(), std::string(1001, 'x')).error().code, Errc::service_unavailable);
    const auto call = ask(std::string(1000, 'x'));
    const auto other = ask("x");
    settle();
    ASSERT_EQ(answerer.calls.size(), 2U);
    answering_->answer(answerer.calls[0].id, std::string(1001, 'y'));
    answering_->answer(answerer.calls[1].id, std::string(1000, 'y'));
    settle();
    EXPECT_EQ(end_of(call), How::lost);
    EXPECT_EQ(end_of(other), How::answered) << "the others go on";
    EXPECT_EQ(asking_->held_bytes() + answering_->held_bytes(), 0U);
}

TEST_F(CallSessionTest, WhatAPeerMayLeaveHalfSaidIsBounded) {
    CallLimits generous;
    asking_.emplace(CallSession::Side::asks, asker, generous);
    answering_.emplace(CallSession::Side::answers, answerer,
                       CallLimits{.body_bytes_max = 1000, .held_bytes_max = 2500});
    settle();
    const auto large = ask(std::string(1001, 'x'));
    settle();
    EXPECT_EQ(end_of(large), How::lost);
    EXPECT_TRUE(answerer.calls.empty());
    EXPECT_EQ(answering_->held_bytes(), 0U);
}

TEST_F(CallSessionTest, WhoGivesACallUpHearsNothingMoreAndTheOtherSideOfIt) {
    make({});
    const auto early = ask("never sent");
    asking_->give_up(early);
    const auto call = ask("x");
    settle();
    ASSERT_EQ(answerer.calls.size(), 1U);
    asking_->give_up(call);
    settle();
    EXPECT_EQ(answerer.gone, std::vector<CallSession::CallId>{answerer.calls[0].id});
    answering_->answer(answerer.calls[0].id, "late");
    settle();
    EXPECT_TRUE(asker.answers.empty());
    EXPECT_EQ(asking_->calls() + answering_->calls(), 0U);
}

TEST_F(CallSessionTest, ThousandsOfCallsMayBeGivenUpAtOnce) {
    make({.calls_max = 5000});
    std::vector<CallSession::CallId> calls;
    for (int i = 0; i < 5000; ++i) calls.push_back(ask("x"));
    settle();
    for (const auto call : calls) asking_->give_up(call);
    settle();
    EXPECT_EQ(answerer.gone.size(), calls.size());
    answerer.calls.clear();
    const auto call = ask("still there");
    settle();
    ASSERT_EQ(answerer.calls.size(), 1U);
    answering_->answer(answerer.calls[0].id, "yes");
    settle();
    EXPECT_EQ(answer_of(call), "yes");
}

TEST_F(CallSessionTest, TheEndOfTheConnectionEndsAllThatWasAsked) {
    make({});
    const auto sent = ask("x");
    settle();
    // Of a large one the other side has only the beginning when the connection breaks.
    const auto half = ask(std::string(1'000'000, 'z'));
    std::string begun;
    asking_->take_output(begun, 1000);
    EXPECT_TRUE(answering_->receive(as_bytes(begun)));
    const auto unsent = ask("y");
    asking_->end();
    EXPECT_EQ(end_of(sent), How::lost);
    EXPECT_EQ(end_of(half), How::unsent);
    EXPECT_EQ(end_of(unsent), How::unsent);
    EXPECT_FALSE(asking_->ask(head(), "x"));
    answering_->end();
    EXPECT_EQ(answerer.calls.size(), 1U) << "half a request is none";
    EXPECT_EQ(answerer.gone.size(), 1U);
}

TEST_F(CallSessionTest, AConnectionTakesNoMoreCallsThanThereAreNumbers) {
    make({.calls_ever_max = 3});
    for (int i = 0; i < 3; ++i) {
        EXPECT_FALSE(asking_->is_worn());
        ask("x");
    }
    EXPECT_TRUE(asking_->is_worn());
    EXPECT_EQ(asking_->ask(head(), "x").error().code, Errc::service_unavailable);
    settle();
    EXPECT_EQ(answerer.calls.size(), 3U) << "those that have begun go on";
}

TEST_F(CallSessionTest, BytesThatAreNoHttp2EndTheConnection) {
    make({});
    EXPECT_FALSE(answering_->is_over());
    const bool is_taken = answering_->receive(as_bytes(std::string(100, '\xff'))).has_value();
    std::string farewell;
    answering_->take_output(farewell, 4096);
    EXPECT_TRUE(!is_taken || answering_->is_over());
    Answerer other;
    CallSession fresh(CallSession::Side::answers, other, {});
    EXPECT_FALSE(fresh.receive(as_bytes(std::string_view("GET / HTTP/1.1\r\n\r\n"))));
}

TEST_F(CallSessionTest, WhatIsDamagedOnTheWayNeitherHangsNorCrashes) {
    for (std::uint64_t seed = 0; seed < 200; ++seed) {
        SeededRandom random(seed);
        asker = {};
        answerer = {};
        asking_.emplace(CallSession::Side::asks, asker, CallLimits{});
        answering_.emplace(CallSession::Side::answers, answerer, CallLimits{});
        for (int i = 0; i < 5; ++i) ask(std::string(random.u64() % 2000, 'x'));
        bool is_over = false;
        for (int round = 0; round < 50 && !is_over; ++round) {
            for (auto [from, to] : {std::pair{&*asking_, &*answering_}, {&*answering_, &*asking_}}) {
                std::string bytes;
                from->take_output(bytes, 4096);
                if (!bytes.empty() && random.u64() % 4 == 0)
                    bytes[random.u64() % bytes.size()] ^= static_cast<char>(1 + random.u64() % 255);
                if (!bytes.empty() && !to->receive(as_bytes(bytes))) is_over = true;
            }
            for (auto& call : std::exchange(answerer.calls, {})) answering_->answer(call.id, "y");
        }
        asking_->end();
        answering_->end();
        EXPECT_EQ(asker.answers.size(), 5U) << "each is answered, seed " << seed;
        EXPECT_EQ(asking_->held_bytes(), 0U);
    }
}

}  // namespace
}  // namespace carillon
