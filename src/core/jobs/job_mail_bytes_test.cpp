#include "core/jobs/job_mail_bytes.hpp"
#include "core/jobs/plans/plan_targets.hpp"

#include <gtest/gtest.h>
#include <utility>

namespace carillon {
namespace {

std::shared_ptr<const Rollout> rollout_of(std::string_view text, JobType type = JobType::update_twin,
                                          std::int64_t execution_time_s = 0) {
    const auto document = JsonDocument::parse(text);
    auto rollout = Rollout::parse(document->root(), type, execution_time_s);
    EXPECT_TRUE(rollout) << rollout.error().detail;
    return std::make_shared<const Rollout>(*std::move(rollout));
}

PartOrders orders_of(std::shared_ptr<const Rollout> rollout, JobType type = JobType::update_twin) {
    PartOrders orders;
    orders.number = 300;
    orders.is_held = true;
    orders.wave_ends = {1, 20, 300'000};
    orders.open_to = 20;
    orders.opened = {WallTime{5}, WallTime{1'000'000'000'000}};
    orders.type = type;
    orders.rollout = std::move(rollout);
    orders.deadline = WallTime{-1};
    orders.tested_wave = 1;
    orders.slower_than_ms = 2000;
    orders.watch_ms = 3'600'000;
    orders.control = 128;
    orders.patient_until = WallTime{7};
    orders.members = MemberTaking::until_known;
    orders.sources = std::make_shared<const MemberSources>(MemberSources{5, UINT64_MAX, R"({"tags":{}})"});
    return orders;
}

GateReport report_of(std::uint32_t part) {
    GateReport report;
    report.part = part;
    report.number = 1;
    report.used = 2;
    report.returned = 3;
    report.in_flight = 4;
    report.wanted = 500;
    report.places = {3, 9, 4'000'000'000};
    report.backing_off = 5;
    report.waits_offline = 6;
    report.waits_window = 7;
    report.devices = 70;
    report.waves = {{1, 2, 3}, {1ULL << 40, 0, 0}};
    for (std::size_t i = 0; i < report.kinds.size(); ++i) report.kinds[i] = i;
    report.log.sequence = 8;
    report.log.hash.fill('\xEE');
    report.must_missed = 9;
    report.tested_wave = 0;
    report.tested = "0sfxSFr";
    report.last_begun = WallTime{1'000'000'000'001};
    report.lost = "wkw";
    report.watched_in_wave = 900;
    report.watched_in_control = 1 << 20;
    report.control = 1000;
    report.obeyed = UINT64_MAX;
    return report;
}

PartWish sent(const PartWish& wish) {
    auto decoded = decode_wish(encode_wish(wish));
    EXPECT_TRUE(decoded);
    return decoded ? *std::move(decoded) : PartWish{};
}

PartNews sent(const PartNews& news) {
    auto decoded = decode_news(encode_news(news));
    EXPECT_TRUE(decoded);
    return decoded ? *std::move(decoded) : PartNews{0, 0, PartNews::Discarded{}};
}

PartWish prepare_wish() {
    PlanTargets planned;
    planned.add(3, "d3");
    planned.add(UINT32_MAX, "stranger");
    planned.close();
    PartWish::Prepare prepare;
    prepare.started = WallTime{123'456'789};
    prepare.sources.from = 5;
    prepare.sources.undo_of = UINT64_MAX;
    prepare.sources.wrote = R"({"tags":{"a":1}})";
    prepare.sources.planned = std::make_shared<const PlanTargets>(std::move(planned));
    prepare.sources.wants_digest = true;
    return {7, 2, std::move(prepare)};
}

PartNews prepared_news() {
    PreparedPart found;
    found.devices = 3;
    found.keys = {{1, UINT64_MAX, 2}, {0, 1, 1}, {"", "site 7"}};
    found.digest.fill('\x7F');
    found.planned = 2;
    return {7, 1, PartNews::Prepared{4, std::move(found)}};
}

std::vector<PartWish> all_wishes() {
    std::vector<PartWish> wishes;
    wishes.push_back(prepare_wish());
    wishes.push_back({7, 2, PartWish::Place{{{2, 0, 1}, {1, 2, 0}}}});
    wishes.push_back({1ULL << 60, 2, PartWish::Begin{}});
    wishes.push_back({7, 2, PartWish::Cancel{}});
    wishes.push_back({7, 2, PartWish::Discard{}});
    wishes.push_back(
        {7, 2, PartWish::Obey{orders_of(rollout_of(R"({"waves":[{"size":1},{"size":"rest"}]})"))}});
    wishes.push_back({7, 2, PartWish::Permit{512}});
    return wishes;
}

std::vector<PartNews> all_news() {
    std::vector<PartNews> news;
    news.push_back(prepared_news());
    news.push_back({7, 1, PartNews::Prepared{4, fail(Errc::argument_invalid, "why")}});
    news.push_back({7, 1, PartNews::Placed{4, fail(Errc::service_unavailable, "disk")}});
    news.push_back({7, 0, PartNews::Placed{4, {}}});
    news.push_back({7, 1, PartNews::Discarded{4}});
    news.push_back({7, 1, PartNews::Finished{}});
    news.push_back({7, 1, PartNews::Finished{report_of(1)}});
    news.push_back({7, 3, report_of(3)});
    return news;
}

TEST(JobMailBytes, AWishToPrepareNamesTheJobByItsNumber) {
    const PartWish wish = sent(prepare_wish());
    EXPECT_EQ(wish.job, 7U);
    EXPECT_EQ(wish.attempt, 2U);
    const auto& prepare = std::get<PartWish::Prepare>(wish.what);
    EXPECT_EQ(prepare.started, WallTime{123'456'789});
    EXPECT_EQ(prepare.sources.from, 5U);
    EXPECT_EQ(prepare.sources.undo_of, UINT64_MAX);
    EXPECT_EQ(prepare.sources.wrote, R"({"tags":{"a":1}})");
    EXPECT_TRUE(prepare.sources.wants_digest);
    ASSERT_TRUE(prepare.sources.planned);
    EXPECT_TRUE(prepare.sources.planned->has(3, "d3"));
    EXPECT_FALSE(prepare.sources.planned->has(4, "d4"));
    EXPECT_TRUE(prepare.sources.planned->has(UINT32_MAX, "stranger"));
}

TEST(JobMailBytes, PlacesCrossWhole) {
    const PartWish wish = sent(PartWish{7, 2, PartWish::Place{{{2, 0, 1}, {1, 2, 0}}}});
    const auto& places = std::get<PartWish::Place>(wish.what).places;
    EXPECT_EQ(places.places, (std::vector<std::uint32_t>{2, 0, 1}));
    EXPECT_EQ(places.order, (std::vector<std::uint32_t>{1, 2, 0}));
    // Indexes of devices that are not there, and an order of others.
    EXPECT_FALSE(decode_wish(encode_wish({7, 2, PartWish::Place{{{2, 0, 1}, {1, 2, 3}}}})));
    EXPECT_FALSE(decode_wish(encode_wish({7, 2, PartWish::Place{{{2, 0, 1}, {1, 2}}}})));
}

TEST(JobMailBytes, OrdersCrossWhole) {
    const PartOrders orders = orders_of(rollout_of("{}"));
    const PartWish wish = sent(PartWish{7, 2, PartWish::Obey{orders}});
    const PartOrders& there = std::get<PartWish::Obey>(wish.what).orders;
    EXPECT_EQ(there.number, orders.number);
    EXPECT_EQ(there.is_held, orders.is_held);
    EXPECT_EQ(there.wave_ends, orders.wave_ends);
    EXPECT_EQ(there.open_to, orders.open_to);
    EXPECT_EQ(there.opened, orders.opened);
    EXPECT_EQ(there.deadline, orders.deadline);
    EXPECT_EQ(there.tested_wave, orders.tested_wave);
    EXPECT_EQ(there.slower_than_ms, orders.slower_than_ms);
    EXPECT_EQ(there.watch_ms, orders.watch_ms);
    EXPECT_EQ(there.control, orders.control);
    EXPECT_EQ(there.patient_until, orders.patient_until);
    EXPECT_EQ(there.members, orders.members);
    ASSERT_TRUE(there.sources);
    EXPECT_EQ(there.sources->from, 5U);
    EXPECT_EQ(there.sources->undo_of, UINT64_MAX);
    EXPECT_EQ(there.sources->wrote, orders.sources->wrote);
}

TEST(JobMailBytes, ARolloutCrossesAsItIsAfterChangesToo) {
    using enum JobType;
    const auto check = [](const std::shared_ptr<const Rollout>& rollout, JobType type) {
        const PartWish wish = sent(PartWish{7, 2, PartWish::Obey{orders_of(rollout, type)}});
        const auto* obey = std::get_if<PartWish::Obey>(&wish.what);
        ASSERT_TRUE(obey && obey->orders.rollout) << rollout->text;
        EXPECT_EQ(*obey->orders.rollout, *rollout) << rollout->text;
    };
    check(rollout_of("{}"), update_twin);
    check(rollout_of("{}", device_method), device_method);
    check(rollout_of("{}", device_method, 77), device_method);
    check(rollout_of(R"({"deadline":"2d","order":{"spread":["tags.site"]},"seed":5})"), update_twin);
    const auto first =
        rollout_of(R"({"order":"random","waves":[{"size":3},{"size":"rest"}]})", device_method, 900);
    check(first, device_method);
    for (const char* changes : {R"({"pace":{"maxInFlight":5}})", R"({"waves":null})", R"({"deadline":"3h"})",
                                R"({"retry":{"attempts":3}})",
                                R"({"windows":{"zone":"Etc/UTC","open":[{"from":"02:00","for":"2h"}]}})"}) {
        const auto document = JsonDocument::parse(changes);
        const auto changed = first->patched(document->root(), device_method);
        ASSERT_TRUE(changed) << changes << ' ' << changed.error().detail;
        check(std::make_shared<const Rollout>(*changed), device_method);
    }
}

TEST(JobMailBytes, WhatAPartHasFoundCrossesWhole) {
    const PartNews news = sent(prepared_news());
    EXPECT_EQ(news.job, 7U);
    EXPECT_EQ(news.part, 1U);
    const auto& prepared = std::get<PartNews::Prepared>(news.what);
    EXPECT_EQ(prepared.attempt, 4U);
    ASSERT_TRUE(prepared.found);
    EXPECT_EQ(prepared.found->devices, 3U);
    EXPECT_EQ(prepared.found->keys.hashes, (std::vector<std::uint64_t>{1, UINT64_MAX, 2}));
    EXPECT_EQ(prepared.found->keys.groups, (std::vector<std::uint32_t>{0, 1, 1}));
    EXPECT_EQ(prepared.found->keys.names, (std::vector<std::string>{"", "site 7"}));
    EXPECT_EQ(prepared.found->digest[31], '\x7F');
    EXPECT_EQ(prepared.found->planned, 2U);
    const PartNews refused = sent(PartNews{7, 1, PartNews::Prepared{4, fail(Errc::argument_invalid, "why")}});
    const auto& found = std::get<PartNews::Prepared>(refused.what).found;
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Errc::argument_invalid);
    EXPECT_EQ(found.error().detail, "why");
}

TEST(JobMailBytes, WhatAPartCannotHaveFoundIsRefused) {
    const auto is_taken = [](const PartKeys& keys) {
        PreparedPart found;
        found.devices = 2;
        found.keys = keys;
        return decode_news(encode_news({7, 1, PartNews::Prepared{4, std::move(found)}})).has_value();
    };
    EXPECT_TRUE(is_taken({{1, 2}, {0, 0}, {"x"}}));
    EXPECT_TRUE(is_taken({{1, 2}, {}, {}}));
    EXPECT_TRUE(is_taken({}));
    EXPECT_FALSE(is_taken({{1, 2}, {0, 1}, {"x"}})) << "a group without a name";
    EXPECT_FALSE(is_taken({{1, 2}, {0}, {"x"}})) << "a device without a group";
    EXPECT_FALSE(is_taken({{1}, {}, {}})) << "a device without a hash";
}

TEST(JobMailBytes, AReportCrossesWhole) {
    const GateReport report = report_of(3);
    const auto check = [&](const GateReport& there) {
        EXPECT_EQ(there.part, report.part);
        EXPECT_EQ(there.number, report.number);
        EXPECT_EQ(there.used, report.used);
        EXPECT_EQ(there.returned, report.returned);
        EXPECT_EQ(there.in_flight, report.in_flight);
        EXPECT_EQ(there.wanted, report.wanted);
        EXPECT_EQ(there.places, report.places);
        EXPECT_EQ(there.backing_off, report.backing_off);
        EXPECT_EQ(there.waits_offline, report.waits_offline);
        EXPECT_EQ(there.waits_window, report.waits_window);
        EXPECT_EQ(there.devices, report.devices);
        EXPECT_EQ(there.waves, report.waves);
        EXPECT_EQ(there.kinds, report.kinds);
        EXPECT_EQ(there.log, report.log);
        EXPECT_EQ(there.must_missed, report.must_missed);
        EXPECT_EQ(there.tested_wave, report.tested_wave);
        EXPECT_EQ(there.tested, report.tested);
        EXPECT_EQ(there.last_begun, report.last_begun);
        EXPECT_EQ(there.lost, report.lost);
        EXPECT_EQ(there.watched_in_wave, report.watched_in_wave);
        EXPECT_EQ(there.watched_in_control, report.watched_in_control);
        EXPECT_EQ(there.control, report.control);
        EXPECT_EQ(there.obeyed, report.obeyed);
    };
    check(std::get<GateReport>(sent(PartNews{7, 3, report}).what));
    const PartNews finished = sent(PartNews{7, 3, PartNews::Finished{report}});
    ASSERT_TRUE(std::get<PartNews::Finished>(finished.what).last);
    check(*std::get<PartNews::Finished>(finished.what).last);
}

TEST(JobMailBytes, WhatIsCutOrDamagedIsRefusedOrSaysTheSameAgain) {
    std::size_t refused = 0;
    const auto check = [&refused](const std::string& whole, const auto& decode, const auto& encode) {
        const auto decoded = decode(whole);
        ASSERT_TRUE(decoded);
        EXPECT_EQ(encode(*decoded), whole);
        for (std::size_t size = 0; size < whole.size(); ++size) {
            EXPECT_FALSE(decode(whole.substr(0, size))) << size << " of " << whole.size();
        }
        EXPECT_FALSE(decode(whole + '\0')) << "more than there is";
        for (std::size_t i = 0; i < whole.size(); ++i) {
            for (const int change : {0x01, 0x80, 0xFF}) {
                std::string damaged = whole;
                damaged[i] = static_cast<char>(damaged[i] ^ change);
                const auto taken = decode(damaged);
                if (!taken) {
                    ++refused;
                    continue;
                }
                const std::string once = encode(*taken);
                const auto again = decode(once);
                ASSERT_TRUE(again);
                EXPECT_EQ(encode(*again), once);
            }
        }
    };
    for (const PartWish& wish : all_wishes()) check(encode_wish(wish), decode_wish, encode_wish);
    for (const PartNews& news : all_news()) check(encode_news(news), decode_news, encode_news);
    EXPECT_GT(refused, 100U);
}

}  // namespace
}  // namespace carillon
