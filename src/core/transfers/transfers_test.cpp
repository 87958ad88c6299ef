#include "core/transfers/transfers.hpp"

#include "core/testing/blob_testing.hpp"
#include "core/testing/far_shards.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>
#include <optional>

namespace carillon {
namespace {

using testing::MemoryBlobs;
using testing::SteppedStorage;
using testing::TestHub;

std::string device_line(const std::string& id, const std::string& rest = {}) {
    return "{\"id\":\"" + id + "\"" + rest + "}\n";
}

/// Etags are of a hub; all else of an export is the same to the byte where it was imported.
std::string without_etags(std::string text) {
    for (const std::string name : {"\"eTag\":\"", "\"twinETag\":\""}) {
        for (std::size_t at = 0; (at = text.find(name, at)) != std::string::npos; at += name.size()) {
            text.erase(at + name.size(), text.find('"', at + name.size()) - at - name.size());
        }
    }
    return text;
}

/// A store that refuses every so many writes, or all while it is full.
class FullStore final : public Store {
public:
    int refuses_each = 0;  ///< 0: none.
    bool is_full = false;
    int refusals = 0;
    int commits = 0;

    Result<> commit(const Batch& batch) override {
        ++commits;
        if (is_full || (refuses_each > 0 && commits % refuses_each == 0)) {
            ++refusals;
            return fail(Errc::store_failed, "no space");
        }
        return store_.commit(batch);
    }
    Result<std::optional<std::string>> get(Table table, std::string_view key) const override {
        return store_.get(table, key);
    }
    Result<> scan(Table table, std::string_view from, std::string_view to,
                  const Visit& visit) const override {
        return store_.scan(table, from, to, visit);
    }

private:
    MemoryStore store_;
};

class TransfersTest : public ::testing::Test {
protected:
    TransfersTest() { boot(); }

    /// A hub over the same store: after `hub_.reset()` a crash and restart.
    void boot() {
        hub_ = std::make_unique<TestHub>(*store_, clock_);
        worker_ = std::make_unique<SteppedStorage>();
        lookout_ = std::make_unique<SteppedStorage>();
        (*hub_)->transfers().use(blobs_, *worker_, *lookout_, limits_);
        CARILLON_ASSERT((*hub_)->transfers().load());
        (*hub_)->transfers().start();
    }
    void crash() {
        hub_.reset();
        boot();
    }
    void begin_anew() {
        hub_.reset();
        store_.emplace();
        boot();
    }
    bool step() {
        hub_->poll();
        return lookout_->step() || worker_->step() || hub_->storage().step();
    }
    void settle() {
        while (step()) {
        }
        hub_->poll();
    }
    template <class T>
    T run(Task<T> task) {
        auto result = hub_->begin(std::move(task));
        settle();
        CARILLON_ASSERT(result->has_value());
        return std::move(**result);
    }
    static TransferOrder import_order() {
        TransferOrder order;
        order.type = TransferType::import_devices;
        order.input_container = order.output_container = "mem:c";
        order.input_blob = "devices.txt";
        return order;
    }
    static TransferOrder export_order() {
        TransferOrder order;
        order.output_container = "mem:out";
        order.output_blob = "devices.txt";
        return order;
    }
    TransferJob import(const std::string& text) {
        blobs_.files["mem:c/devices.txt"] = text;
        return ended(run((*hub_)->transfers().create(import_order())));
    }
    std::string exported() {
        const TransferJob job = ended(run((*hub_)->transfers().create(export_order())));
        EXPECT_EQ(job.status, TransferStatus::completed) << job.failure_reason;
        return blobs_.files["mem:out/devices.txt"];
    }
    TransferJob ended(const Result<TransferJob>& created) {
        CARILLON_ASSERT(created);
        settle();
        return *run((*hub_)->transfers().find(created->id));
    }
    std::string errors() { return blobs_.files["mem:c/importErrors.log"]; }
    std::size_t rows() {
        std::size_t count = 0;
        EXPECT_TRUE(store_->scan(Table::jobs, "u", "x", [&count](std::string_view, std::string_view) {
            ++count;
            return true;
        }));
        return count;
    }

    std::optional<FullStore> store_{std::in_place};
    ManualClock clock_{WallTime::from_unix_s(1'795'514'400)};
    MemoryBlobs blobs_;
    TransferLimits limits_;
    std::unique_ptr<SteppedStorage> worker_;
    std::unique_ptr<SteppedStorage> lookout_;
    std::unique_ptr<TestHub> hub_;
};

TEST_F(TransfersTest, AnImportMakesDevicesWithTheirTwins) {
    const TransferJob job =
        import(device_line("a", R"(,"tags":{"x":1},"properties":{"desired":{"y":2},"reported":{"z":3}})") +
               R"({"id":"a","moduleId":"m"})" + "\n" + device_line("b", R"(,"status":"disabled")"));
    EXPECT_EQ(job.status, TransferStatus::completed) << job.failure_reason;
    EXPECT_EQ(job.progress(), 100);
    EXPECT_EQ(job.lines, 3U);
    EXPECT_EQ(job.errors, 0U);
    EXPECT_EQ(job.status_message, "3 of 3 lines applied.");
    EXPECT_EQ(errors(), "");
    std::string twin;
    append_device_twin_json(twin, hub_->find("a")->committed->twin);
    EXPECT_EQ(twin, R"({"desired":{"y":2,"$version":2},"reported":{"z":3,"$version":2}})");
    EXPECT_EQ(hub_->find("b")->committed->identity.status(), DeviceStatus::disabled);
    EXPECT_EQ(rows(), 0U) << "nothing is left of the work";
}

TEST_F(TransfersTest, WhatIsExportedImportsToTheSame) {
    import(device_line(
               "b", R"(,"tags":{"x":1.0},"properties":{"desired":{"y":{"k":[1,2]}},"reported":{"z":"é"}})") +
           device_line("a", R"(,"authentication":{"type":"certificateAuthority"})") +
           device_line("c", R"(,"status":"disabled","statusReason":"lost")") +
           R"({"id":"c","moduleId":"m"})");
    const std::string first = exported();
    EXPECT_EQ(first.find("{\"id\":\"a\""), 0U) << "in the order of the ids, whatever the shard";
    begin_anew();
    EXPECT_EQ(import(first).errors, 0U);
    EXPECT_EQ(without_etags(exported()), without_etags(first));
}

TEST_F(TransfersTest, EdgeDevicesMoveWithTheirScopesTheirModulesAndThoseBelowThem) {
    const TransferJob made = import(
        device_line("edge", R"(,"capabilities":{"iotEdge":true})") +
        R"({"id":"edge","moduleId":"$edgeAgent","properties":{"desired":{"modules":{"m":1}}}})" + "\n" +
        R"({"id":"edge","moduleId":"$edgeAgent","importMode":"updateTwin","tags":{"a":1}})" + "\n");
    EXPECT_EQ(made.lines, 3U);
    EXPECT_NE(errors().find(R"("line":3,"deviceId":"edge","moduleId":"$edgeAgent",)"
                            R"("errorCode":"SystemModuleModifyUnauthorizedAccess")"),
              std::string::npos)
        << errors();
    const auto scope = hub_->find("edge")->committed->identity.unpack().device_scope;
    EXPECT_EQ(import(device_line("below", R"(,"deviceScope":")" + scope + "\"")).errors, 0U);
    const std::string first = exported();
    EXPECT_EQ(first.find(R"({"id":"below")"), 0U) << "a leaf may come before its parent";
    clock_.advance(std::chrono::seconds(10));
    begin_anew();
    EXPECT_EQ(import(first).errors, 0U) << errors();
    EXPECT_EQ(without_etags(exported()), without_etags(first));
    EXPECT_NE(first.find(scope), std::string::npos);
    std::string twin;
    append_device_twin_json(twin, hub_->find("edge", "$edgeAgent")->committed->twin);
    EXPECT_EQ(twin, R"({"desired":{"modules":{"m":1},"$version":2},"reported":{"$version":1}})");
    // A twin that was written since is not overwritten by the line that made it.
    EXPECT_EQ(import(first).errors, 0U) << errors();
    EXPECT_EQ(hub_->find("edge", "$edgeAgent")->committed->twin.desired.version(), 2);
}

TEST_F(TransfersTest, EachModeDoesWhatItSays) {
    import(device_line("u") + device_line("c") + device_line("d") + device_line("t"));
    const std::string etag = identity_etag_text(hub_->find("u")->committed->identity.etag());
    const TransferJob job = import(
        device_line("u", R"(,"importMode":"updateIfMatchETag","status":"disabled","eTag":")" + etag + "\"") +
        device_line("u", R"(,"importMode":"updateIfMatchETag","eTag":"c3RhbGU=")") +
        device_line("none", R"(,"importMode":"update")") + device_line("c", R"(,"importMode":"create")") +
        device_line("new", R"(,"importMode":"create")") + device_line("d", R"(,"importMode":"delete")") +
        device_line("d", R"(,"importMode":"create","tags":{"again":true})") +
        device_line("t", R"(,"importMode":"updateTwin","tags":{"a":1})") +
        device_line("t",
                    R"(,"importMode":"updateTwinIfMatchETag","twinETag":"AAAAAAAAAH8=","tags":{"a":2})") +
        device_line("none", R"(,"importMode":"deleteIfMatchETag","eTag":"*")"));
    EXPECT_EQ(job.status_message, "5 of 10 lines applied. importErrors.log lists the others.");
    EXPECT_EQ(
        errors(),
        R"({"line":2,"deviceId":"u","errorCode":"PreconditionFailed","errorStatus":"PreconditionFailed, ETag may be invalid."})"
        "\n"
        R"({"line":3,"deviceId":"none","errorCode":"DeviceNotFound","errorStatus":"none"})"
        "\n"
        R"({"line":4,"deviceId":"c","errorCode":"DeviceAlreadyExists","errorStatus":"A device with ID 'c' is already registered."})"
        "\n"
        R"({"line":9,"deviceId":"t","errorCode":"PreconditionFailed","errorStatus":"PreconditionFailed, ETag may be invalid."})"
        "\n"
        R"({"line":10,"deviceId":"none","errorCode":"DeviceNotFound","errorStatus":"none"})"
        "\n");
    EXPECT_EQ(hub_->find("u")->committed->identity.status(), DeviceStatus::disabled);
    EXPECT_NE(hub_->find("new"), nullptr);
    std::string tags;
    hub_->find("d")->committed->twin.tags.append_json(tags, SectionForm::plain);
    hub_->find("t")->committed->twin.tags.append_json(tags, SectionForm::plain);
    EXPECT_EQ(tags, R"({"again":true}{"a":1})");
}

TEST_F(TransfersTest, AnUpdateThatNamesNoKeyKeepsTheKeys) {
    import(device_line("d"));
    const std::string key = hub_->find("d")->committed->identity.unpack().auth.primary_key;
    import(device_line(
        "d", R"(,"status":"disabled","authentication":{"symmetricKey":{"primaryKey":null},"type":"sas"})"));
    EXPECT_EQ(hub_->find("d")->committed->identity.unpack().auth.primary_key, key);
    import(device_line("d", R"(,"authentication":{"type":"certificateAuthority"})"));
    EXPECT_EQ(hub_->find("d")->committed->identity.auth_type(), AuthType::certificate_authority);
}

TEST_F(TransfersTest, AnIdentityWhoseTwinIsRefusedIsNotMade) {
    const std::string big(4000, 'x');
    const TransferJob job =
        import(device_line("d", R"(,"tags":{"a":")" + big + R"(","b":")" + big + R"(","c":")" + big + "\"}"));
    EXPECT_EQ(job.errors, 1U);
    EXPECT_EQ(hub_->find("d"), nullptr);
}

/// Crashes after every step of an import that makes, refuses and updates, and goes on; the outcome is
/// that of a run without a crash.
TEST_F(TransfersTest, ACrashAtAnyStepCountsEachLineOnce) {
    limits_.import.chunk_lines_max = 3;
    std::string text;
    for (int i = 0; i < 10; ++i) {
        text += device_line("d" + std::to_string(i), R"(,"importMode":"create")");
    }
    text += "nonsense\n";
    for (int i = 0; i < 10; ++i) {
        text += device_line("d" + std::to_string(i), R"(,"importMode":"updateTwin","tags":{"n":1})");
    }
    text += device_line("d1", R"(,"importMode":"create")");
    blobs_.files["mem:c/devices.txt"] = text;
    std::size_t resumed = 0;
    std::size_t crashed_at = 0;
    for (bool is_over = false; !is_over; ++crashed_at) {
        begin_anew();
        blobs_.files.erase("mem:c/importErrors.log");
        const auto created = hub_->begin((*hub_)->transfers().create(import_order()));
        for (std::size_t i = 0; i < crashed_at && !is_over; ++i) is_over = !step();
        crash();
        settle();
        const auto jobs = run((*hub_)->transfers().list());
        if (jobs.empty()) continue;  // It was never accepted.
        ASSERT_EQ(jobs.size(), 1U);
        const TransferJob& job = jobs.front();
        ASSERT_EQ(job.status, TransferStatus::completed) << crashed_at << " " << job.failure_reason;
        EXPECT_EQ(job.lines, 22U) << crashed_at;
        EXPECT_EQ(job.errors, 2U) << crashed_at << "\n" << errors();
        const std::string log = errors();
        EXPECT_EQ(log.find(R"({"line":11,"deviceId":"","errorCode":"IotHubFormatError")"), 0U) << log;
        EXPECT_NE(log.find("\n"
                           R"({"line":22,"deviceId":"d1","errorCode":"DeviceAlreadyExists")"),
                  log.npos)
            << log;
        for (int i = 0; i < 10; ++i) {
            const Record* record = hub_->find("d" + std::to_string(i));
            ASSERT_NE(record, nullptr) << crashed_at;
            EXPECT_EQ(record->committed->twin.version, 3) << crashed_at << ": patched once";
        }
        EXPECT_EQ(rows(), 0U) << crashed_at;
        if (job.resumptions > 0 && job.resumed_after > 0) ++resumed;
    }
    EXPECT_GT(crashed_at, 20U);
    EXPECT_GT(resumed, 5U) << "went on from the middle";
}

TEST_F(TransfersTest, AStoreThatRefusesWritesIsAskedAgainAndEachLineCountsOnce) {
    limits_.import.chunk_lines_max = 3;
    for (const int each : {2, 3, 5}) {
        begin_anew();
        std::string text;
        for (int i = 0; i < 20; ++i) {
            text += device_line("d" + std::to_string(i), R"(,"importMode":"create","tags":{"a":1})");
            if (i % 5 == 0) text += "nonsense\n";
        }
        blobs_.files["mem:c/devices.txt"] = text;
        const auto created = hub_->begin((*hub_)->transfers().create(import_order()));
        while (!created->has_value()) ASSERT_TRUE(step());
        store_->refuses_each = each;
        for (int i = 0; i < 200; ++i) {
            hub_->advance(std::chrono::seconds(1));
            settle();
        }
        store_->refuses_each = 0;
        hub_->advance(std::chrono::seconds(1));
        const TransferJob job = ended(**created);
        EXPECT_GT(store_->refusals, 3) << each;
        EXPECT_EQ(job.status, TransferStatus::completed) << each << job.failure_reason;
        EXPECT_EQ(job.lines, 24U) << each;
        EXPECT_EQ(job.errors, 4U) << each << errors();
        for (int i = 0; i < 20; ++i) {
            const Record* record = hub_->find("d" + std::to_string(i));
            ASSERT_NE(record, nullptr) << each;
            EXPECT_EQ(record->committed->twin.version, 3) << each;
        }
    }
}

/// A chunk goes to a shard in several commits: where one is refused, those behind it must not count.
TEST_F(TransfersTest, ARefusalAmidAChunkLosesNoLine) {
    constexpr int count = 2'000;
    std::string text;
    for (int i = 0; i < count; ++i) text += device_line("d" + std::to_string(i), R"(,"importMode":"create")");
    for (int refused_after = 1; refused_after < 8; ++refused_after) {
        begin_anew();
        blobs_.files["mem:c/devices.txt"] = text;
        const auto created = hub_->begin((*hub_)->transfers().create(import_order()));
        while (!created->has_value()) ASSERT_TRUE(step());
        // The disk is as quick as the shards: a commit for each step of the loop.
        const int before = store_->commits;
        for (int idle = 0; idle < 3; ++idle) {
            store_->is_full = store_->commits - before == refused_after && store_->refusals == 0;
            hub_->io().restart();
            const bool moved =
                hub_->io().poll_one() + (worker_->step() ? 1U : 0U) + (hub_->storage().step() ? 1U : 0U) > 0;
            if (moved) idle = 0;
        }
        store_->is_full = false;
        hub_->advance(std::chrono::seconds(1));
        const TransferJob job = ended(**created);
        EXPECT_EQ(job.status, TransferStatus::completed) << refused_after << job.failure_reason;
        EXPECT_EQ(job.errors, 0U) << refused_after << errors().substr(0, 300);
        EXPECT_EQ(store_->refusals, 1) << refused_after;
        int found = 0;
        for (int i = 0; i < count; ++i) found += hub_->find("d" + std::to_string(i)) != nullptr ? 1 : 0;
        EXPECT_EQ(found, count) << refused_after;
    }
}

TEST_F(TransfersTest, AFullStoreHoldsAJobUpAndDoesNotEndIt) {
    blobs_.files["mem:c/devices.txt"] = device_line("a");
    const auto created = hub_->begin((*hub_)->transfers().create(import_order()));
    while (!created->has_value()) ASSERT_TRUE(step());
    store_->is_full = true;
    for (int i = 0; i < 5; ++i) {
        hub_->advance(std::chrono::seconds(1));
        settle();
    }
    EXPECT_EQ(run((*hub_)->transfers().list()).front().status, TransferStatus::running);
    EXPECT_EQ(run((*hub_)->transfers().create(export_order())).error().code, Errc::service_unavailable);
    store_->is_full = false;
    hub_->advance(std::chrono::seconds(1));
    settle();
    EXPECT_EQ(run((*hub_)->transfers().list()).front().status, TransferStatus::completed);
}

TEST_F(TransfersTest, AnInputThatChangedIsNotContinued) {
    limits_.import.chunk_lines_max = 1;
    boot();
    blobs_.files["mem:c/devices.txt"] = device_line("a") + device_line("b") + device_line("c");
    const auto created = hub_->begin((*hub_)->transfers().create(import_order()));
    while (hub_->find("a") == nullptr || !hub_->find("a")->exists()) ASSERT_TRUE(step());
    while (step() && hub_->find("b") == nullptr) {
    }
    blobs_.version = "2";
    crash();
    settle();
    const TransferJob job = run((*hub_)->transfers().list()).front();
    EXPECT_EQ(job.status, TransferStatus::failed);
    EXPECT_EQ(job.failure_reason, "the input has been changed since the import began");
}

TEST_F(TransfersTest, JobsTakeTurnsAndMayBeCancelledAtAnyTime) {
    limits_.import.chunk_lines_max = 1;
    limits_.active_max = 3;
    boot();
    std::string text;
    for (int i = 0; i < 50; ++i) text += device_line("d" + std::to_string(i));
    blobs_.files["mem:c/devices.txt"] = text;
    auto& transfers = (*hub_)->transfers();
    const auto first = hub_->begin(transfers.create(import_order()));
    while (!first->has_value()) ASSERT_TRUE(step());
    const auto second = hub_->begin(transfers.create(export_order()));
    const auto third = hub_->begin(transfers.create(export_order()));
    const auto fourth = hub_->begin(transfers.create(export_order()));
    while (!fourth->has_value() || !third->has_value()) ASSERT_TRUE(step());
    EXPECT_EQ((**fourth).error().code, Errc::job_quota_exceeded);
    const auto waiting = hub_->begin(transfers.cancel((***third).id));
    while (!waiting->has_value()) ASSERT_TRUE(step());
    EXPECT_TRUE(**waiting);
    const auto running = hub_->begin(transfers.cancel((***first).id));
    settle();
    EXPECT_TRUE(**running);
    const TransferJob cancelled = *run(transfers.find((***first).id));
    EXPECT_EQ(cancelled.status, TransferStatus::cancelled);
    EXPECT_LT(cancelled.lines, 50U);
    EXPECT_NE(cancelled.status_message.find("lines applied"), std::string::npos);
    EXPECT_EQ(run(transfers.find((***second).id))->status, TransferStatus::completed);
    EXPECT_EQ(run(transfers.find((***third).id))->status, TransferStatus::cancelled);
    EXPECT_EQ(run(transfers.cancel((***second).id)).error().code,
              Errc::operation_not_allowed_in_current_state);
    EXPECT_EQ(run(transfers.cancel("nothing")).error().code, Errc::job_not_found);
}

TEST_F(TransfersTest, ASlowInputDelaysNoOtherRequest) {
    limits_.looks_max = 2;
    limits_.active_max = 2;
    boot();
    blobs_.files["mem:c/devices.txt"] = device_line("a");
    auto& transfers = (*hub_)->transfers();
    const auto slow = hub_->begin(transfers.create(import_order()));
    const auto slower = hub_->begin(transfers.create(import_order()));
    const auto exporting = hub_->begin(transfers.create(export_order()));
    const auto settle_others = [this] {
        do {
            hub_->poll();
        } while (worker_->step() || hub_->storage().step());
    };
    settle_others();
    EXPECT_EQ(lookout_->waiting(), 2U);
    ASSERT_TRUE(exporting->has_value()) << "while the inputs are being looked at";
    EXPECT_TRUE(blobs_.files.contains("mem:out/devices.txt"));
    EXPECT_FALSE(slow->has_value());
    const auto third = hub_->begin(transfers.create(import_order()));
    settle_others();
    ASSERT_TRUE(third->has_value());
    EXPECT_TRUE(**third) << "its job looks at the input itself";
    settle();
    ASSERT_TRUE(slow->has_value() && slower->has_value());
    EXPECT_TRUE(**slow);
    EXPECT_TRUE(**slower);
    EXPECT_NE(hub_->find("a"), nullptr);
}

TEST_F(TransfersTest, TheQuotaHoldsForWhoHadToWait) {
    limits_.active_max = 1;
    boot();
    blobs_.files["mem:c/devices.txt"] = device_line("a");
    auto& transfers = (*hub_)->transfers();
    const auto first = hub_->begin(transfers.create(import_order()));
    const auto second = hub_->begin(transfers.create(import_order()));
    hub_->poll();
    ASSERT_EQ(lookout_->waiting(), 2U);
    lookout_->step();
    lookout_->step();
    hub_->poll();
    settle();
    EXPECT_TRUE(**first);
    ASSERT_TRUE(second->has_value());
    EXPECT_EQ((**second).error().code, Errc::job_quota_exceeded);
}

TEST_F(TransfersTest, ACancelThatWasAcceptedHoldsAfterACrash) {
    limits_.import.chunk_lines_max = 1;
    boot();
    std::string text;
    for (int i = 0; i < 50; ++i) text += device_line("d" + std::to_string(i));
    blobs_.files["mem:c/devices.txt"] = text;
    const auto created = hub_->begin((*hub_)->transfers().create(import_order()));
    while (hub_->find("d3") == nullptr) ASSERT_TRUE(step());
    const auto cancelled = hub_->begin((*hub_)->transfers().cancel((***created).id));
    while (!cancelled->has_value()) ASSERT_TRUE(step());
    crash();
    settle();
    EXPECT_EQ(run((*hub_)->transfers().list()).front().status, TransferStatus::cancelled);
    EXPECT_EQ(hub_->find("d49"), nullptr);
}

TEST_F(TransfersTest, AContainerThatCannotBeUsedIsSaidAtOnceOrAtTheEnd) {
    TransferOrder order = import_order();
    EXPECT_EQ(run((*hub_)->transfers().create(order)).error().code, Errc::blob_container_validation_error);
    order.input_container = "ftp://x";
    EXPECT_EQ(run((*hub_)->transfers().create(order)).error().code, Errc::blob_container_validation_error);
    blobs_.refuses_writes = true;
    const TransferJob job = import(device_line("a"));
    EXPECT_EQ(job.status, TransferStatus::failed);
    EXPECT_EQ(job.failure_reason, "importErrors.log could not be written: read-only");
    EXPECT_NE(hub_->find("a"), nullptr) << "what was applied is, and the message says how much";
    EXPECT_EQ(job.status_message, "1 of 1 lines applied.");
}

TEST_F(TransfersTest, SecretsAreForgottenAtTheEndAndOldJobsToo) {
    limits_.ended_max = 2;
    boot();
    for (int i = 0; i < 4; ++i) import(device_line("a"));
    EXPECT_LE(run((*hub_)->transfers().list()).size(), 3U);
    std::string stored;
    EXPECT_TRUE(store_->scan(Table::jobs, {}, {}, [&stored](std::string_view, std::string_view value) {
        stored += value;
        return true;
    }));
    EXPECT_EQ(stored.find("mem:c"), std::string::npos);
    clock_.advance(std::chrono::hours(24 * 31));
    crash();
    settle();
    EXPECT_TRUE(run((*hub_)->transfers().list()).empty());
}

TEST_F(TransfersTest, EachLineCountsOnceWhereAnswersOfShardsAreLost) {
    limits_.import.chunk_lines_max = 4;
    begin_anew();
    testing::FarShards far((*hub_)->port(), 3);
    far.lost_percent = 20;
    far.turns_max = 3;
    std::string text;
    for (int i = 0; i < 100; ++i) {
        text += device_line("d" + std::to_string(i % 90), R"(,"importMode":"create")");
    }
    blobs_.files["mem:c/devices.txt"] = text;
    auto created = run((*hub_)->transfers().create(import_order()));
    ASSERT_TRUE(created);
    const auto find = [&] { return *run((*hub_)->transfers().find(created->id)); };
    for (int s = 0; s < 1000 && find().status != TransferStatus::completed; ++s) {
        hub_->advance(std::chrono::seconds(1));
        settle();
    }
    const TransferJob job = find();
    EXPECT_EQ(job.status, TransferStatus::completed) << job.failure_reason;
    EXPECT_EQ(job.lines, 100U);
    EXPECT_EQ(job.errors, 10U);  // The ids that come again.
    EXPECT_GT(far.lost, 5U);
    EXPECT_EQ(rows(), 0U);
    hub_.reset();
}

TEST_F(TransfersTest, EachLineCountsOnceWhereItsRequestComesLate) {
    limits_.import.chunk_lines_max = 4;
    std::string text;
    for (int i = 0; i < 100; ++i) {
        text += device_line("d" + std::to_string(i % 90), R"(,"importMode":"create")");
    }
    blobs_.files["mem:c/devices.txt"] = text;
    std::size_t late = 0;
    for (std::uint64_t seed = 0; seed < 40; ++seed) {
        begin_anew();
        testing::FarShards far((*hub_)->port(), seed);
        far.lost_percent = 5;
        far.late_percent = 25;
        far.turns_max = 3;
        auto created = run((*hub_)->transfers().create(import_order()));
        ASSERT_TRUE(created);
        const auto find = [&] { return *run((*hub_)->transfers().find(created->id)); };
        SeededRandom random(seed);
        for (int s = 0; s < 1000 && find().status != TransferStatus::completed; ++s) {
            if (random.u64() % 3 == 0) late += far.deliver_late();
            hub_->advance(std::chrono::seconds(1));
            settle();
        }
        late += far.deliver_late();  // Of a job that is over.
        settle();
        const TransferJob job = find();
        EXPECT_EQ(job.status, TransferStatus::completed) << job.failure_reason;
        EXPECT_EQ(job.lines, 100U) << "seed " << seed;
        EXPECT_EQ(job.errors, 10U) << "seed " << seed;
        EXPECT_EQ(rows(), 0U) << "seed " << seed;
        hub_.reset();
    }
    EXPECT_GT(late, 100U);
}

}  // namespace
}  // namespace carillon
