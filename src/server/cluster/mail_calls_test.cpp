#include "server/cluster/mail_calls.hpp"

#include "core/jobs/job_mail_bytes.hpp"
#include "core/testing/job_testing.hpp"
#include "server/cluster/calls_fixture.hpp"

namespace carillon {
namespace {

using testing::asked_node;
using testing::asking_node;

/// A hub whose coordinator and parts write to each other over a link, as if each were on another node.
class MailCallsTest : public testing::CalledHubTest {
protected:
    MailCallsTest() {
        owned_.serve(CallKind::wish, calls_);
        owned_.serve(CallKind::news, calls_);
        hub_->jobs().use(mail_);
        for (int i = 0; i < devices; ++i) hub_.add_device("d" + std::to_string(i));
    }
    ~MailCallsTest() override { stop_nodes(); }

    static constexpr int devices = 20;
    /// Begins a job that writes to all twins.
    void begin_job(const std::string& id) {
        auto definition = testing::parse_job(id, testing::twin_body("*"), hub_clock_.wall_now());
        ASSERT_TRUE(definition) << definition.error().detail;
        const auto made = run(hub_->jobs().create(*std::move(definition)));
        ASSERT_TRUE(made && *made);
    }
    /// Lets time pass until the job has ended.
    bool ends(const std::string& id) {
        return until([&] {
            hub_.advance(std::chrono::milliseconds(100));
            const auto job = hub_->jobs().snapshot(id);
            return job && job->status == JobStatus::completed;
        });
    }

    MailCalls calls_{hub_->jobs()};
    LinkMail mail_{owners_, asking_map_.reader()};
};

TEST_F(MailCallsTest, AJobGoesOnByWishesAndNewsFromNodeToNode) {
    begin_job("j");
    EXPECT_TRUE(ends("j"));
    EXPECT_EQ(hub_->jobs().snapshot("j")->counts->succeeded, devices);
    EXPECT_GE(lossy_.calls, 8) << "prepare, begin, and the answers to both, of two parts";
}

TEST_F(MailCallsTest, WhatIsLostIsSaidAgain) {
    for (int i = 0; i < 4; ++i) {
        const std::string id = "j" + std::to_string(i);
        lossy_.calls_dropped = i + 1;
        begin_job(id);
        EXPECT_TRUE(ends(id)) << id;
        EXPECT_EQ(lossy_.calls_dropped, 0);
        EXPECT_EQ(hub_->jobs().snapshot(id)->counts->succeeded, devices);
    }
}

TEST_F(MailCallsTest, WhatIsForAShardOfThisNodeStaysHere) {
    asking_map_.own(asking_node);
    begin_job("j");
    EXPECT_TRUE(ends("j"));
    EXPECT_EQ(lossy_.calls, 0);
}

TEST_F(MailCallsTest, ACoordinatorThatIsReplacedIsNotHeard) {
    using Kind = CallAnswer::Reply::Kind;
    const auto send = [&](std::int64_t epoch, std::string_view wish) {
        std::string bytes;
        StoredWriter out(bytes);
        out.i64(epoch);
        bytes += wish;
        Kind kind = Kind::loss;
        calls_.call({.kind = CallKind::wish, .shard = 0}, std::chrono::seconds(1), bytes,
                    CallAnswer([&](CallAnswer::Reply reply) { kind = reply.kind; }));
        return kind;
    };
    const std::string discard = encode_wish(PartWish{7, 1, PartWish::Discard{}});
    EXPECT_EQ(send(4, discard), Kind::answer);
    EXPECT_EQ(send(5, discard), Kind::answer);
    EXPECT_EQ(send(4, discard), Kind::refusal);
    EXPECT_EQ(send(5, discard), Kind::answer) << "a wish may come twice";
    EXPECT_EQ(send(5, "nonsense"), Kind::refusal);
    Kind kind = Kind::loss;
    calls_.call({.kind = CallKind::news}, std::chrono::seconds(1), "nonsense",
                CallAnswer([&](CallAnswer::Reply reply) { kind = reply.kind; }));
    EXPECT_EQ(kind, Kind::refusal);
}

}  // namespace
}  // namespace carillon
