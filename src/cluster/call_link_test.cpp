#include "cluster/call_link.hpp"

#include "cluster/call_fixture.hpp"
#include "cluster/call_links.hpp"

#include <future>

namespace carillon {
namespace {

using How = CallEnd::How;
using testing::CalledNode;
using testing::NodeCertificates;

/// Answers as the test has set it.
class EchoService final : public CallService {
public:
    void call(const CallHead& head, std::chrono::milliseconds time_left, std::string request,
              CallAnswer answer) override {
        EXPECT_GT(time_left.count(), 0);
        journal.add("asked");
        if (request == "drop") return;
        if (request == "begin and drop") return answer.begin();
        if (request == "moved") return answer.moved(head.epoch + 1);
        if (request == "keep silent") {
            const std::lock_guard lock(mutex_);
            kept_.push_back(std::move(answer));  // Bound: a test
            return;
        }
        answer.answer(std::to_string(head.shard) + ":" + request);
    }
    testing::Journal journal;

private:
    std::mutex mutex_;
    std::vector<CallAnswer> kept_;
};

/// Two nodes: one that answers calls, and one that asks by a link on a thread of its own.
struct CallLinkTest : ::testing::Test {
    CallLinkTest() : asking(1, clock) {
        asking.start();
        make_link("n2");
    }
    ~CallLinkTest() override { stop_asking(); }
    void stop_asking() {
        if (!std::exchange(asks_, false)) return;
        drop_link();
        asking.stop();
    }
    /// How the node `n2` asks.
    CallLink::Options options_of(const std::string& as) const {
        Connector::Settings settings{.server = resolve("127.0.0.1", called.port()).value(),
                                     .host_name = node_name(NodeCertificates::cluster, "n1"),
                                     .tls = TlsClientContext::load(certificates.ca(), pair(as)).value(),
                                     .limits = {}};
        CallLink::Options options;
        options.connector = std::make_shared<const Connector>(std::move(settings));
        options.incarnation = CalledNode::incarnation;
        options.own_incarnation = CalledNode::dead_incarnation + 1;
        return options;
    }
    TlsFiles::KeyPair pair(const std::string& as) const {
        return as == "n3" ? certificates.pair_for(as, "n3.of.another.cluster") : certificates.pair(as);
    }
    void make_link(const std::string& as) { make_link(options_of(as)); }
    void make_link(const CallLink::Options& options) {
        drop_link();
        here([&] { link = std::make_unique<CallLink>(asking[0], options); });
    }
    void make_link(LineVersions versions) {
        CallLink::Options options = options_of("n2");
        options.versions = versions;
        make_link(options);
    }
    void drop_link() {
        here([&] { link.reset(); });
    }
    /// Runs `what` on the thread of the link.
    void here(const std::function<void()>& what) {
        std::promise<void> done;
        asking[0].post([&] {
            what();
            done.set_value();
        });
        done.get_future().wait();
    }
    using Answer = std::future<CallEnd>;
    Answer ask(std::string request, std::chrono::milliseconds patience = testing::Journal::patience) {
        auto promise = std::make_shared<std::promise<CallEnd>>();
        Answer answer = promise->get_future();
        here([&] {
            link->ask({.kind = CallKind::request, .shard = 7, .epoch = 4}, std::move(request), patience,
                      [promise](CallEnd given) { promise->set_value(std::move(given)); });
        });
        return answer;
    }
    static CallEnd wait(Answer& answer) {
        if (answer.wait_for(testing::Journal::patience) != std::future_status::ready) {
            ADD_FAILURE() << "no end at all";
            return {};
        }
        return answer.get();
    }
    CallEnd end_of(std::string request) {
        Answer answer = ask(std::move(request));
        return wait(answer);
    }
    /// What was answered, or how it ended otherwise.
    std::string answer_to(std::string request) {
        const CallEnd end = end_of(std::move(request));
        return end.how == How::answered ? end.body : "none: " + end.body;
    }

    const NodeCertificates certificates;
    SystemClock clock;
    EchoService service;
    CalledNode called{certificates, "n1", service, {.body_bytes_max = 4'000'000}};
    IoThreads asking;
    std::unique_ptr<CallLink> link;
    bool asks_ = true;
};

TEST_F(CallLinkTest, AsksAnotherNodeOverMutualTls) {
    EXPECT_EQ(answer_to("hello"), "7:hello");
    const std::string large(3'000'000, 'x');
    EXPECT_EQ(answer_to(large), "7:" + large);
    const CallEnd moved = end_of("moved");
    EXPECT_EQ(moved.how, How::moved);
    EXPECT_EQ(moved.epoch, 5);
    EXPECT_EQ(end_of("drop").how, How::unsent) << "a call that nobody ends is refused";
    EXPECT_EQ(end_of("begin and drop").how, How::lost);
}

TEST_F(CallLinkTest, ManyCallsShareTheConnection) {
    std::vector<Answer> answers;
    for (int i = 0; i < 500; ++i) answers.push_back(ask(std::string(static_cast<std::size_t>(i) * 100, 'y')));
    for (std::size_t i = 0; i < answers.size(); ++i) {
        const CallEnd end = wait(answers[i]);
        ASSERT_EQ(end.how, How::answered) << end.body;
        EXPECT_EQ(end.body.size(), 2 + i * 100);
    }
    EXPECT_EQ(called.calls.figures().links, 1U);
    EXPECT_EQ(called.lines.figures().accepted, 0U) << "it is no connection of a peer";
}

TEST_F(CallLinkTest, ACallWithoutAnAnswerEndsAtItsDeadlineAndOthersGoOn) {
    Answer silent = ask("keep silent", std::chrono::milliseconds(100));
    EXPECT_EQ(wait(silent).how, How::lost);
    EXPECT_EQ(answer_to("still there"), "7:still there");
}

TEST_F(CallLinkTest, ABrokenConnectionEndsAtOnceWhatWasUnderWay) {
    EXPECT_EQ(answer_to("hello"), "7:hello");
    Answer silent = ask("keep silent");
    ASSERT_TRUE(service.journal.wait("asked", 2));
    called.stop();
    EXPECT_EQ(wait(silent).how, How::lost);
    EXPECT_EQ(end_of("hello").how, How::unsent) << "the node is not there";
}

TEST_F(CallLinkTest, ALinkThatIsGivenUpEndsWhatWasUnderWay) {
    EXPECT_EQ(answer_to("hello"), "7:hello");
    Answer silent = ask("keep silent");
    drop_link();
    EXPECT_EQ(wait(silent).how, How::lost);
}

TEST_F(CallLinkTest, AnotherStartOfTheNodeIsNotAsked) {
    CallLink::Options options = options_of("n2");
    options.incarnation = CalledNode::incarnation - 1;
    make_link(options);
    EXPECT_EQ(end_of("hello").how, How::unsent);
    EXPECT_EQ(service.journal.count("asked"), 0);
}

TEST_F(CallLinkTest, AStartThatIsDeadIsNotAnswered) {
    CallLink::Options options = options_of("n2");
    options.own_incarnation = CalledNode::dead_incarnation;
    make_link(options);
    EXPECT_EQ(end_of("hello").how, How::unsent);
    EXPECT_EQ(service.journal.count("asked"), 0);
}

TEST_F(CallLinkTest, ANodeThatStandsStillIsTakenForGone) {
    CallLink::Options options = options_of("n2");
    options.ping_interval = std::chrono::milliseconds(50);
    make_link(options);
    EXPECT_EQ(answer_to("hello"), "7:hello");
    std::promise<void> goes_on;
    const std::shared_future<void> stands_still = goes_on.get_future().share();
    for (std::size_t i = 0; i < called.threads.size(); ++i)
        called.threads[i].post([stands_still] { stands_still.wait(); });
    Answer answer = ask("hello");
    EXPECT_EQ(wait(answer).how, How::lost);
    goes_on.set_value();
}

/// Says hello as a node does, and then `says`; ends the connection then.
class HalfNode final : public ChannelHandler {
public:
    explicit HalfNode(std::string says) : says_(std::move(says)) {}
    void handshaken() override {
        LineHello hello;
        hello.service = LineService::calls;
        hello.incarnation = CalledNode::incarnation;
        EXPECT_TRUE(channel->send(as_bytes(encode_hello(hello))));
    }
    void received(Bytes) override {
        if (std::exchange(has_spoken_, true)) return;
        EXPECT_TRUE(channel->send(as_bytes(says_)));
        channel->close();
    }
    void closed(Errc) override {
        channel.reset();
        over.set_value();
    }
    std::unique_ptr<Channel> channel;
    std::promise<void> over;

private:
    const std::string says_;
    bool has_spoken_ = false;
};

TEST_F(CallLinkTest, HalfACallIsNone) {
    struct Nobody final : CallSession::Host {
        void asked(CallSession::CallId, CallHead, std::string) override {}
        void given_up(CallSession::CallId) override {}
        void answered(CallSession::CallId, CallEnd) override {}
    } nobody;
    CallSession session(CallSession::Side::asks, nobody, {});
    ASSERT_TRUE(session.ask({.time_left_ms = 1000}, "a request"));
    std::string whole;
    session.take_output(whole, 4096);
    for (std::size_t size : {whole.size() - 1, whole.size() - 12, whole.size() / 2, std::size_t{5}}) {
        HalfNode half(whole.substr(0, size));
        const CallLink::Options options = options_of("n2");
        here([&] { half.channel = options.connector->connect(asking[0], half, std::nullopt).value(); });
        ASSERT_EQ(half.over.get_future().wait_for(testing::Journal::patience), std::future_status::ready);
    }
    EXPECT_EQ(answer_to("hello"), "7:hello");
    EXPECT_EQ(service.journal.count("asked"), 1);
}

TEST_F(CallLinkTest, WhoIsNoNodeOfTheClusterIsNotAnswered) {
    make_link("n3");
    EXPECT_EQ(end_of("hello").how, How::unsent);
    EXPECT_EQ(service.journal.count("asked"), 0);
}

TEST_F(CallLinkTest, NodesWithoutACommonVersionDoNotSpeak) {
    make_link(LineVersions{.oldest = 3, .newest = 4});
    EXPECT_EQ(end_of("hello").how, How::unsent);
    make_link(LineVersions{.oldest = 1, .newest = 1});
    EXPECT_EQ(end_of("hello").how, How::unsent) << "the first version knows no calls";
}

TEST_F(CallLinkTest, ANewerNodeSpeaksAsTheOlderOneDoes) {
    make_link(LineVersions{.oldest = 1, .newest = 5});
    EXPECT_EQ(answer_to("hello"), "7:hello");
}

TEST_F(CallLinkTest, ACallOverTheLimitsIsRefusedWithoutEndingTheLink) {
    EXPECT_EQ(answer_to("hello"), "7:hello");
    EXPECT_EQ(end_of(std::string(5'000'000, 'x')).how, How::unsent);
    EXPECT_EQ(answer_to("still there"), "7:still there");
    EXPECT_EQ(called.calls.figures().links, 1U);
}

/// By all links of a node.
struct CallLinksTest : CallLinkTest {
    explicit CallLinksTest(CallLimits limits = {})
        : links(asking, {.node_domain = NodeCertificates::domain(),
                         .port = called.port(),
                         .tls = certificates.client("n2"),
                         .incarnation = CalledNode::dead_incarnation + 1,
                         .limits = limits}) {}
    ~CallLinksTest() override { stop_asking(); }
    CallEnd ask_node(std::string request, std::uint32_t shard = 7) {
        std::promise<CallEnd> promise;
        Answer answer = promise.get_future();
        links.ask(n1, {.kind = CallKind::request, .shard = shard}, std::move(request),
                  testing::Journal::patience, [&promise](CallEnd end) { promise.set_value(std::move(end)); });
        return wait(answer);
    }
    const ShardMap::Node n1{"n1", CalledNode::incarnation, "127.0.0.1"};
    CallLinks links;
};

TEST_F(CallLinksTest, ANodeIsAskedWhileItLives) {
    EXPECT_EQ(ask_node("x").how, How::unsent) << "not known yet";
    links.know({n1});
    EXPECT_EQ(ask_node("x").body, "7:x");
    links.know({n1, {"n4", 1, "no address"}});
    EXPECT_EQ(ask_node("x").body, "7:x");
    EXPECT_EQ(called.calls.figures().links, 1U) << "the link stays";
    links.know({});
    EXPECT_EQ(ask_node("x").how, How::unsent);
}

struct WornLinksTest : CallLinksTest {
    WornLinksTest() : CallLinksTest(CallLimits{.calls_ever_max = 3}) {}
};

TEST_F(WornLinksTest, AFreshLinkFollowsOneThatIsWorn) {
    links.know({n1});
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ask_node("x").body, "7:x") << i;
    EXPECT_EQ(called.calls.figures().links, 4U);
}

}  // namespace
}  // namespace carillon
