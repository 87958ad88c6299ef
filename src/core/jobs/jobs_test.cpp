#include "core/testing/job_testing.hpp"

namespace carillon {
namespace {

using testing::JobBench;
using testing::method_body;
using testing::twin_body;
using namespace std::chrono_literals;

struct JobLife : ::testing::Test, JobBench {
    void devices(std::initializer_list<const char*> ids) {
        for (const auto* id : ids) hub->add_device(id);
    }
    DeviceJob row(const std::string& job, const std::string& device) {
        for (auto& r : rows(job)) {
            if (r.device_id == device) return r;
        }
        ADD_FAILURE() << "no row of " << device;
        return {};
    }
    JobCounts counts_if_running() {
        const auto job = (*hub)->jobs().snapshot("j");
        return job && job->counts ? *job->counts : JobCounts{};
    }
    std::size_t count_timers() {
        std::size_t timers = 0;
        for (std::size_t i = 0; i < shards; ++i) timers += (*hub)->shards()[i].timers().size();
        return timers;
    }
    void write_tags(const std::string& id, std::string_view tags) {
        const auto body = fmt::format(R"({{"tags":{}}})", tags);
        const auto json = JsonDocument::parse(body);
        const auto key = *IdentityKey::parse(id);
        auto patch = TwinPatch::parse(json->root(), key);
        ASSERT_TRUE(
            hub->run(owner(id).write_twin(key, Shard::TwinWrite::patch, *std::move(patch), EtagMatch{})));
    }
    static std::string preview_ids(std::string_view ids) {
        return fmt::format(R"({{"type":"scheduleUpdateTwin","updateTwin":{{"etag":"*","desired":{{"a":1}}}},)"
                           R"("deviceIds":[{}]}})",
                           ids);
    }
};

// --- choosing devices ----------------------------------------------------------------------------

TEST_F(JobLife, AConditionChoosesByWhatWasAcknowledgedBeforeTheStart) {
    devices({"a", "b", "c"});
    write_tags("b", R"({"floor":3})");
    ASSERT_TRUE(create("j", twin_body("tags.floor = 3")));
    EXPECT_EQ(status("j"), JobStatus::completed);
    ASSERT_EQ(rows("j").size(), 1U);
    EXPECT_EQ(rows("j")[0].device_id, "b");
    EXPECT_EQ(twin("a").version, 2);
    EXPECT_EQ(twin("b").version, 4);
}

TEST_F(JobLife, ADeviceThatStopsMatchingStaysAndOneThatMatchesLaterIsNotPartOfIt) {
    devices({"a", "b"});
    write_tags("a", R"({"floor":3})");
    ASSERT_TRUE(create("j", method_body("tags.floor = 3")));
    write_tags("a", R"({"floor":4})");
    write_tags("b", R"({"floor":3})");
    connect("a");
    connect("b");
    EXPECT_EQ(links["a"]->methods.size(), 1U);
    EXPECT_EQ(links["b"]->methods.size(), 0U);
}

TEST_F(JobLife, AJobWithoutMatchingDevicesCompletesAtOnce) {
    devices({"a"});
    ASSERT_TRUE(create("j", method_body("tags.nothing = 1")));
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(counts("j"), JobCounts{});
    EXPECT_TRUE(rows("j").empty());
}

TEST_F(JobLife, ListedIdsThatAreNotRegisteredFailAndDuplicatesCountOnce) {
    devices({"a", "b"});
    ASSERT_TRUE(create("j", preview_ids(R"("b","ghost","a","b")"), Flavour::preview));
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(counts("j"), (JobCounts{3, 0, 0, 2, 1, 0}));
    EXPECT_EQ(row("j", "ghost").error_code, "DeviceNotFound");
    EXPECT_EQ(twin("b").version, 3) << "patched once";
}

TEST_F(JobLife, AListedIdThatIsNotRegisteredFailsInAMethodJobToo) {
    devices({"a"});
    connect("a");
    ASSERT_TRUE(create("j",
                       R"({"type":"scheduleDeviceMethod","cloudToDeviceMethod":{"methodName":"m"},)"
                       R"("deviceIds":["a","ghost"]})",
                       Flavour::preview));
    EXPECT_EQ(counts("j"), (JobCounts{2, 0, 1, 0, 1, 0}));
    answer("a", 200);
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(row("j", "ghost").error_code, "DeviceNotFound");
}

TEST_F(JobLife, AModuleJobHasOneChildForEachModule) {
    devices({"a", "b"});
    for (const auto* module : {"m", "n"}) {
        const auto key = *IdentityKey::parse("a", module);
        ASSERT_TRUE(hub->run(owner("a").put_identity(key, "{}", EtagMatch{})));
    }
    ASSERT_TRUE(create("j", twin_body("FROM devices.modules WHERE moduleId = 'm'")));
    EXPECT_EQ(counts("j"), (JobCounts{1, 0, 0, 1, 0, 0}));
    ASSERT_EQ(rows("j").size(), 1U);
    EXPECT_EQ(rows("j")[0].device_id, "a");
    EXPECT_EQ(rows("j")[0].module_id, "m");
    ASSERT_TRUE(create("all", twin_body("FROM devices.modules")));
    EXPECT_EQ(counts("all").device, 2U);
    ASSERT_TRUE(create("by-id", twin_body("FROM devices.modules WHERE deviceId = 'a'")));
    EXPECT_EQ(counts("by-id").device, 2U);
    EXPECT_EQ(twin("a").version, 2);
}

// --- failures of single devices ------------------------------------------------------------------

TEST_F(JobLife, ATwinThatWouldGrowOverItsSizeFailsAloneAndTheJobCompletes) {
    devices({"a", "b"});
    const std::string big(4000, 'x');
    std::string fields;
    for (int i = 0; i < 8; ++i) fields += fmt::format(R"({}"f{}":"{}")", i ? "," : "", i, big);
    ASSERT_TRUE(create("fill", twin_body("deviceId = 'a'", "{" + fields + "}")));
    ASSERT_EQ(counts("fill").succeeded, 1U);
    ASSERT_TRUE(create("j", twin_body("*", R"({"more":")" + big + R"("})")));
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(counts("j"), (JobCounts{2, 0, 0, 1, 1, 0}));
    EXPECT_EQ(row("j", "a").error_code, "ArgumentInvalid");
    EXPECT_FALSE(row("j", "a").error_description.empty());
    EXPECT_EQ(twin("a").desired.version(), 2);
    EXPECT_EQ(twin("b").desired.version(), 2);
}

TEST_F(JobLife, ADeviceRemovedWhilePendingFailsWithDeviceNotFound) {
    devices({"a", "b"});
    ASSERT_TRUE(create("j", method_body("*")));
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(hub->run(owner("a").remove_identity(*IdentityKey::parse("a"), any)));
    EXPECT_EQ(counts("j"), (JobCounts{2, 1, 0, 0, 1, 0}));
    EXPECT_EQ(row("j", "a").error_code, "DeviceNotFound");
    // Its successor of the same name is another device.
    devices({"a"});
    EXPECT_TRUE(connect("a").methods.empty());
}

TEST_F(JobLife, ADeviceRemovedWhileInFlightFailsWithDeviceNotFound) {
    devices({"a"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    const auto any = EtagMatch::parse("*", EtagMatch::Unquoted::compare);
    ASSERT_TRUE(hub->run(owner("a").remove_identity(*IdentityKey::parse("a"), any)));
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(row("j", "a").error_code, "DeviceNotFound");
}

TEST_F(JobLife, NoAnswerWithinTheResponseTimeoutFailsTheDevice) {
    devices({"a"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*", 3600, 10)));
    hub->advance(9'999ms);
    EXPECT_EQ(counts("j").running, 1U);
    hub->advance(1ms);
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(row("j", "a").error_code, "GatewayTimeout");
    EXPECT_EQ(row("j", "a").error_description, "Timed out waiting for the response from device.");
    answer("a", 200);  // Too late: nothing changes.
    EXPECT_EQ(counts("j"), (JobCounts{1, 0, 0, 0, 1, 0}));
}

TEST_F(JobLife, ALostConnectionFailsADeviceInFlightAndIsNotTriedAgain) {
    devices({"a"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    disconnect("a");
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(row("j", "a").error_code, "DeviceConnectionClosedRemotely");
    EXPECT_TRUE(connect("a").methods.empty());
}

TEST_F(JobLife, AtTheDeadlineWhatIsInFlightTimesOut) {
    devices({"a", "b"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*", 20, 300)));
    hub->advance(20s);
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(row("j", "a").error_code, "GatewayTimeout");
    EXPECT_EQ(row("j", "b").error_code, "JobRunPreconditionFailed");
}

TEST_F(JobLife, AJobBehindItsDeadlineFailsAllItsDevicesAtOnce) {
    devices({"a", "b"});
    connect("a");
    for (const auto* type : {"m", "t"}) {
        std::string body = *type == 'm' ? method_body("*", 60) : twin_body("*", R"({"a":1})", 60);
        body.insert(1, R"("startTime":"2026-11-22T09:00:00Z",)");
        ASSERT_TRUE(create(type, body));
        EXPECT_EQ(status(type), JobStatus::completed);
        EXPECT_EQ(counts(type), (JobCounts{2, 0, 0, 0, 2, 0}));
        EXPECT_EQ(row(type, "a").error_code, "JobRunPreconditionFailed");
    }
    EXPECT_TRUE(links["a"]->methods.empty());
    EXPECT_EQ(twin("a").version, 2);
}

TEST_F(JobLife, ALinkFoundDeadReturnsTheDeviceToPendingAndTheDeadlineSaysSo) {
    devices({"a"});
    connect("a");
    auto definition = testing::parse_job("j", method_body("*"), clock.wall_now());
    auto created = hub->begin((*hub)->jobs().create(*std::move(definition)));
    // Up to the commit of the intent, and then the link dies before the request is sent.
    while (counts_if_running().pending != 1) {
        hub->poll();
        ASSERT_TRUE(hub->storage().step());
    }
    owner("a").detach(*hub->find("a"), *links["a"]);
    hub->settle();
    EXPECT_EQ(counts("j"), (JobCounts{1, 1, 0, 0, 0, 0}));
    EXPECT_TRUE(links["a"]->methods.empty());
    hub->advance(120s);
    EXPECT_EQ(row("j", "a").error_code, "DeviceNotOnline");
    EXPECT_EQ(row("j", "a").error_description, "Timed out waiting for device to connect");
}

// --- coming online -------------------------------------------------------------------------------

TEST_F(JobLife, AConnectedDeviceWithoutSubscriptionIsNotOnline) {
    devices({"a"});
    auto& link = connect("a");
    link.subscribed_to_methods = false;
    ASSERT_TRUE(create("j", method_body("*")));
    EXPECT_EQ(counts("j").pending, 1U);
    EXPECT_TRUE(link.methods.empty());
    link.subscribed_to_methods = true;
    owner("a").method_subscriptions_changed(*hub->find("a"));
    hub->settle();
    EXPECT_EQ(link.methods.size(), 1U);
}

TEST_F(JobLife, ADeviceThatComesTooLateGetsNothing) {
    devices({"a"});
    ASSERT_TRUE(create("j", method_body("*", 60)));
    hub->advance(60s);
    EXPECT_TRUE(connect("a").methods.empty());
    EXPECT_EQ(status("j"), JobStatus::completed);
}

TEST_F(JobLife, ACongestedLinkWaitsUntilItDrains) {
    devices({"a"});
    auto& link = connect("a");
    link.congested = true;
    ASSERT_TRUE(create("j", method_body("*")));
    hub->advance(500ms);
    EXPECT_EQ(counts("j").pending, 1U);
    link.congested = false;
    hub->advance(100ms);
    EXPECT_EQ(link.methods.size(), 1U);
}

TEST_F(JobLife, JobsForTheSameDeviceOverlap) {
    devices({"a"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    ASSERT_TRUE(create("k", method_body("*")));
    EXPECT_EQ(links["a"]->methods.size(), 2U);
}

TEST_F(JobLife, TheWindowBoundsWhatIsInFlightAndOpensWithEachAnswer) {
    limits.method_window_max = 3;
    shards = 1;
    restart();
    for (int i = 0; i < 10; ++i) {
        hub->add_device(fmt::format("d{}", i));
        connect(fmt::format("d{}", i));
    }
    ASSERT_TRUE(create("j", method_body("*")));
    EXPECT_EQ(counts("j").running, 3U);
    answer("d0", 200);
    EXPECT_EQ(counts("j"), (JobCounts{10, 6, 3, 1, 0, 0}));
}

// --- cancelling ----------------------------------------------------------------------------------

TEST_F(JobLife, CancellingARunningMethodJobLetsFlightsLandForASecondAtMost) {
    devices({"a", "b", "c"});
    connect("a");
    connect("b");
    ASSERT_TRUE(create("j", method_body("*")));
    auto answered = hub->begin((*hub)->jobs().cancel("j"));
    hub->settle();
    EXPECT_EQ(status("j"), JobStatus::running);
    EXPECT_EQ(counts("j"), (JobCounts{3, 0, 2, 0, 0, 1}));
    answer("a", 200);
    hub->advance(1000ms);
    ASSERT_TRUE(answered->has_value() && **answered);
    EXPECT_EQ((**answered)->status, JobStatus::cancelled);
    EXPECT_EQ(counts("j"), (JobCounts{3, 0, 0, 1, 0, 2}));
    EXPECT_EQ(row("j", "b").status, DeviceJobStatus::canceled);
    answer("b", 200);
    EXPECT_EQ(counts("j"), (JobCounts{3, 0, 0, 1, 0, 2}));
    EXPECT_TRUE(connect("c").methods.empty());
    EXPECT_EQ(cancel("j").error().code, Errc::operation_not_allowed_in_current_state);
}

TEST_F(JobLife, CancellingARunningTwinJobStopsBetweenChunks) {
    limits.twin_chunk_devices = 1;
    shards = 1;
    restart();
    for (int i = 0; i < 200; ++i) hub->add_device(fmt::format("d{}", i));
    auto definition = testing::parse_job("j", twin_body("*"), clock.wall_now());
    auto created = hub->begin((*hub)->jobs().create(*std::move(definition)));
    while (counts_if_running().succeeded == 0) {
        hub->poll();
        ASSERT_TRUE(hub->storage().step());
    }
    ASSERT_LT(counts_if_running().succeeded, 200U);
    const auto cancelled = cancel("j");
    ASSERT_TRUE(cancelled);
    EXPECT_EQ(cancelled->status, JobStatus::cancelled);
    const auto c = counts("j");
    EXPECT_EQ(c.succeeded + c.canceled, 200U);
    EXPECT_GT(c.canceled, 0U);
    std::size_t patched = 0;
    for (int i = 0; i < 200; ++i) patched += twin(fmt::format("d{}", i)).version == 3 ? 1U : 0U;
    EXPECT_EQ(patched, c.succeeded);
}

TEST_F(JobLife, StrictModeRefusesToCancelARunningJob) {
    limits.strict_cancel = true;
    restart();
    devices({"a"});
    ASSERT_TRUE(create("j", method_body("*")));
    EXPECT_EQ(cancel("j").error().code, Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(cancel("j").error().detail, "Job cannot be cancelled in 'Running' status.");
    EXPECT_EQ(status("j"), JobStatus::running);
}

TEST_F(JobLife, CancellingAnUnknownJobFailsAndFindingItFindsNothing) {
    EXPECT_EQ(cancel("nope").error().code, Errc::job_not_found);
    EXPECT_FALSE(find("nope"));
}

TEST_F(JobLife, AJobWaitingForASlotCanBeCancelled) {
    limits.running_max = 1;
    restart();
    devices({"a"});
    ASSERT_TRUE(create("first", method_body("*")));
    ASSERT_TRUE(create("second", method_body("*")));
    EXPECT_EQ(status("second"), JobStatus::queued);
    ASSERT_TRUE(cancel("second"));
    EXPECT_EQ(status("second"), JobStatus::cancelled);
    ASSERT_TRUE(create("third", method_body("*")));
    hub->advance(120s);
    EXPECT_EQ(status("third"), JobStatus::completed) << "its turn came when the first had ended";
}

// --- the schedule, limits, lists -----------------------------------------------------------------

TEST_F(JobLife, ManyScheduledJobsCostOneTimerAndStartInOrder) {
    limits.running_max = 1;
    shards = 1;
    restart();
    devices({"a"});
    const auto timers_before = count_timers();
    for (int i = 0; i < 50; ++i) {
        ASSERT_TRUE(create(fmt::format("j{}", i), twin_body("*", R"({"a":1})", 3600,
                                                            fmt::format("2026-11-22T10:{:02}:00Z", 59 - i))));
    }
    EXPECT_LE(count_timers(), timers_before + 1);
    hub->advance(12min);
    EXPECT_EQ(status("j49"), JobStatus::completed);
    EXPECT_EQ(status("j47"), JobStatus::completed);
    EXPECT_EQ(status("j46"), JobStatus::scheduled);
    hub->advance(60min);
    EXPECT_EQ(status("j0"), JobStatus::completed);
    EXPECT_EQ(twin("a").version, 52);
}

TEST_F(JobLife, ABackwardsClockDoesNotStartAJobTwiceNorEarly) {
    devices({"a"});
    ASSERT_TRUE(create("j", twin_body("*", R"({"a":1})", 3600, "2026-11-22T10:10:00Z")));
    hub->advance(5min);
    clock.set_wall(testing::ten_o_clock);
    hub->advance(6min);
    EXPECT_EQ(status("j"), JobStatus::scheduled);
    hub->advance(4min);
    EXPECT_EQ(status("j"), JobStatus::completed);
    EXPECT_EQ(twin("a").version, 3);
}

TEST_F(JobLife, BeyondTheActiveLimitAJobIsRefusedAndAScheduledOneCounts) {
    limits.active_max = 2;
    restart();
    ASSERT_TRUE(create("a", twin_body("*", R"({"a":1})", 300, "2026-11-22T11:00:00Z")));
    ASSERT_TRUE(create("b", twin_body("*", R"({"a":1})", 300, "2026-11-22T11:00:00Z")));
    EXPECT_EQ(create("c", twin_body("*")).error().code, Errc::throttling_max_active_job_count_exceeded);
    ASSERT_TRUE(cancel("a"));
    EXPECT_TRUE(create("c", twin_body("*")));
}

TEST_F(JobLife, ThatAnIdIsTakenIsSaidOnceTheJobIsDurable) {
    const auto begin = [this] {
        return hub->begin(
            (*hub)->jobs().create(*testing::parse_job("j", twin_body("*"), clock.wall_now(), Flavour::ga)));
    };
    const auto first = begin();
    hub->poll();
    const auto second = begin();
    hub->poll();
    EXPECT_FALSE(second->has_value());
    hub->settle();
    EXPECT_TRUE(first->has_value() && **first);
    ASSERT_TRUE(second->has_value());
    EXPECT_EQ((*second)->error().code, Errc::job_already_exists);
}

TEST_F(JobLife, AnIdIsTakenInAnyStateAndAcrossARestart) {
    ASSERT_TRUE(create("j", twin_body("*")));
    EXPECT_EQ(create("j", twin_body("*")).error().code, Errc::job_already_exists);
    restart();
    EXPECT_EQ(create("j", twin_body("*")).error().code, Errc::job_already_exists);
    EXPECT_EQ(status("j"), JobStatus::completed);
}

TEST_F(JobLife, AJobThatCannotBeStoredIsRefusedAndLeavesNothing) {
    store.fail_commits(1, 1);
    EXPECT_EQ(create("j", twin_body("*")).error().code, Errc::service_unavailable);
    EXPECT_FALSE(find("j"));
    EXPECT_TRUE(create("j", twin_body("*")));
}

TEST_F(JobLife, TheListIsNewestFirstFiltersAndHasNoTokenWhenNothingFollows) {
    devices({"a"});
    for (const auto* id : {"j1", "j2", "j3"}) ASSERT_TRUE(create(id, twin_body("*")));
    ASSERT_TRUE(create("m", method_body("*")));
    auto list = [&](JobFilter filter, std::string position, std::size_t size) {
        return hub->run((*hub)->jobs().list(filter, std::move(position), size));
    };
    auto first = list({}, "", 2);
    ASSERT_EQ(first.jobs.size(), 2U);
    EXPECT_EQ(first.jobs[0].definition->id, "m");
    EXPECT_EQ(first.jobs[1].definition->id, "j3");
    auto second = list({}, first.position, 2);
    ASSERT_EQ(second.jobs.size(), 2U);
    EXPECT_EQ(second.jobs[1].definition->id, "j1");
    EXPECT_EQ(second.position, "");
    JobFilter twins;
    twins.type = JobType::update_twin;
    EXPECT_EQ(list(twins, "", 10).jobs.size(), 3U);
    JobFilter running;
    running.status = JobStatus::running;
    EXPECT_EQ(list(running, "", 10).jobs.size(), 1U);
    JobFilter nothing;
    nothing.nothing = true;
    EXPECT_TRUE(list(nothing, "", 10).jobs.empty());
}

TEST_F(JobLife, HistoryIsKeptForThirtyDays) {
    devices({"a"});
    ASSERT_TRUE(create("j", twin_body("*")));
    hub->advance(30 * 24h - 1h);
    hub->advance(30min);
    EXPECT_TRUE(find("j"));
    hub->advance(90min);
    EXPECT_FALSE(find("j"));
    EXPECT_EQ(store.size(Table::jobs), 0U);
    EXPECT_EQ(store.size(Table::job_events), 0U);
    EXPECT_TRUE(create("j", twin_body("*"))) << "the id is free again";
    clock.advance(31 * 24h);
    restart();
    EXPECT_FALSE(find("j"));
    EXPECT_EQ(store.size(Table::job_events), 0U);
}

// --- device jobs ---------------------------------------------------------------------------------

TEST_F(JobLife, RowsComeInOrderOfStartThenDeviceInPagesOfAnySize) {
    for (int i = 0; i < 20; ++i) hub->add_device(fmt::format("d{:02}", i));
    ASSERT_TRUE(create("late", twin_body("*", R"({"a":1})", 300, "2026-11-22T10:01:00Z")));
    ASSERT_TRUE(create("soon", twin_body("*")));
    hub->advance(61s);
    for (const std::size_t page : {1U, 3U, 20U, 40U, 1000U}) {
        const auto all = rows({}, page);
        ASSERT_EQ(all.size(), 40U) << page;
        for (std::size_t i = 0; i < 40; ++i) {
            EXPECT_EQ(all[i].job_id, i < 20 ? "soon" : "late");
            EXPECT_EQ(all[i].device_id, fmt::format("d{:02}", i % 20));
        }
    }
}

TEST_F(JobLife, APageThatHoldsTheLastRowHasNoPosition) {
    devices({"a", "b"});
    ASSERT_TRUE(create("j", twin_body("*")));
    const auto always = [](const DeviceJob&, query::Meter&) { return true; };
    const auto page = hub->run((*hub)->jobs().device_jobs({{"j"}}, {}, always, "", 2));
    EXPECT_EQ(page->rows.size(), 2U);
    EXPECT_EQ(page->position, "");
    const auto wrong = hub->run((*hub)->jobs().device_jobs({{"j"}}, {}, always, "nonsense", 2));
    EXPECT_EQ(wrong.error().code, Errc::argument_invalid);
}

TEST_F(JobLife, RowsAreFoundByDeviceAcrossJobsAndFilteredBeforePayloadsAreRead) {
    devices({"a", "b", "ab"});
    connect("a");
    ASSERT_TRUE(create("j1", twin_body("*")));
    ASSERT_TRUE(create("j2", method_body("*")));
    answer("a", 200, R"({"long":"answer"})");
    const auto always = [](const DeviceJob&, query::Meter&) { return true; };
    const auto of_a = rows({}, 1, always, {{"a"}});
    ASSERT_EQ(of_a.size(), 2U);
    EXPECT_EQ(of_a[1].answer->payload, R"({"long":"answer"})");
    const auto pending =
        rows({}, 10, [](const DeviceJob& r, query::Meter&) { return r.status == DeviceJobStatus::pending; });
    ASSERT_EQ(pending.size(), 2U);
    EXPECT_EQ(pending[0].device_id, "ab");
    EXPECT_EQ(pending[1].device_id, "b");
}

TEST_F(JobLife, RowsOfARunningJobFollowItsProgress) {
    devices({"a"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    EXPECT_EQ(row("j", "a").status, DeviceJobStatus::running);
    answer("a", 404);
    EXPECT_EQ(row("j", "a").status, DeviceJobStatus::completed);
    EXPECT_EQ(row("j", "a").answer->status, 404);
}

// --- restarts and refused commits ----------------------------------------------------------------

TEST_F(JobLife, ARestartEndsWhatWasInFlightAsUnknownAndKeepsTheRestPending) {
    devices({"a", "b"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    restart();
    EXPECT_EQ(counts("j"), (JobCounts{2, 1, 0, 0, 1, 0}));
    EXPECT_EQ(row("j", "a").error_code, "GatewayTimeout");
    EXPECT_NE(row("j", "a").error_description.find("unknown"), std::string::npos);
    EXPECT_TRUE(connect("a").methods.empty()) << "a door is not locked twice";
    EXPECT_EQ(connect("b").methods.size(), 1U);
    answer("b", 200);
    EXPECT_EQ(status("j"), JobStatus::completed);
}

TEST_F(JobLife, RefusedCommitsDelayAJobAndChangeNothingElse) {
    for (int i = 0; i < 5; ++i) {
        hub->add_device(fmt::format("d{}", i));
        connect(fmt::format("d{}", i));
    }
    for (std::uint64_t nth = 1; nth < 12; ++nth) {
        const auto id = fmt::format("t{}", nth);
        const auto version = twin("d0").version;
        store.fail_commits(nth, 1);
        if (!create(id, twin_body("*"))) {
            ASSERT_TRUE(create(id, twin_body("*")));
        }
        hub->advance(1s);
        hub->advance(1s);
        store.fail_commits(1, 0);
        hub->advance(2s);
        EXPECT_EQ(status(id), JobStatus::completed) << nth;
        EXPECT_EQ(counts(id).succeeded, 5U);
        EXPECT_EQ(twin("d0").version, version + 1) << nth;

        const auto method = fmt::format("m{}", nth);
        store.fail_commits(nth, 1);
        if (!create(method, method_body("*"))) {
            ASSERT_TRUE(create(method, method_body("*")));
        }
        hub->advance(1s);
        hub->advance(1s);
        for (auto& [device, link] : links) {
            ASSERT_EQ(link->methods.size(), nth) << device;
            answer(device, 200);
        }
        hub->advance(1s);
        hub->advance(1s);
        store.fail_commits(1, 0);
        hub->advance(2s);
        EXPECT_EQ(status(method), JobStatus::completed) << nth;
        EXPECT_EQ(counts(method).succeeded, 5U) << nth;
    }
}

TEST_F(JobLife, AHubThatRestsSendsNoMethodAndTakesTheAnswersToThoseThatAreOut) {
    devices({"a", "b"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    EXPECT_EQ((*hub)->jobs().methods_in_flight(), 1U);
    auto rest = [](Jobs& jobs) -> Task<bool> {
        co_await jobs.rest();
        co_return true;
    };
    hub->run(rest((*hub)->jobs()));
    connect("b");
    hub->advance(1s);
    EXPECT_TRUE(links["b"]->methods.empty()) << "it is called while the hub rests";
    answer("a", 200);
    hub->settle();
    EXPECT_EQ((*hub)->jobs().methods_in_flight(), 0U);
    restart();
    EXPECT_EQ(counts("j"), (JobCounts{2, 1, 0, 1, 0, 0})) << "nothing failed";
}

TEST_F(JobLife, WhatIsKnownWhenTheHubStopsIsStoredAndNothingNewBegins) {
    devices({"a", "b"});
    connect("a");
    ASSERT_TRUE(create("j", method_body("*")));
    auto stop = [](Jobs& jobs) -> Task<bool> {
        co_await jobs.stop();
        co_return true;
    };
    hub->run(stop((*hub)->jobs()));
    owner("a").detach(*hub->find("a"), *links["a"]);  // As the endpoints go down.
    hub->settle();
    restart();
    EXPECT_EQ(counts("j"), (JobCounts{2, 1, 0, 0, 1, 0}));
}

}  // namespace
}  // namespace carillon
