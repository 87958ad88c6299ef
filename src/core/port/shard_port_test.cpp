#include "core/messages/messages.hpp"
#include "core/registry/registry.hpp"
#include "core/registry/registry_export.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/directory.hpp"
#include "core/shard/methods.hpp"
#include "core/testing/far_shards.hpp"
#include "core/testing/test_hub.hpp"

#include <gtest/gtest.h>
#include <array>
#include <map>

namespace carillon {
namespace {

using testing::FakeLink;
using testing::FarShards;
using testing::TestHub;

constexpr int devices = 40;
constexpr std::array<const char*, 9> statements{
    "SELECT * FROM devices",
    "SELECT deviceId, tags.floor FROM devices WHERE tags.floor > 3 AND tags.name != 'x'",
    "SELECT * FROM devices WHERE deviceId IN ['d3', 'd17', 'none']",
    "SELECT moduleId FROM devices.modules WHERE STARTSWITH(deviceId, 'd1')",
    "SELECT COUNT() AS n FROM devices",
    "SELECT COUNT() AS n, AVG(tags.floor) AS a, MIN(tags.floor) AS l, MAX(tags.floor) AS h FROM devices",
    "SELECT tags.floor AS f, SUM(tags.share) AS s FROM devices GROUP BY tags.floor",
    "SELECT TOP 5 deviceId FROM devices WHERE connectionState = 'Connected'",
    "SELECT tags.name AS x, COUNT() AS n FROM devices GROUP BY tags.name",
};

EtagMatch any_etag() {
    return EtagMatch::parse("*", EtagMatch::Unquoted::compare);
}

class ShardPortTest : public ::testing::Test {
protected:
    ShardPortTest() {
        for (int i = 0; i < devices; ++i) {
            const std::string id = "d" + std::to_string(i);
            hub.add_device(id);
            if (i % 4 == 0) {
                const auto module = *IdentityKey::parse(id, "m");
                EXPECT_TRUE(run(hub->registry().put(module, "{}", {})));
            }
            EXPECT_TRUE(write(id, R"({"tags":{"floor":)" + std::to_string(i % 7) +
                                      R"(,"share":0.1,"name":"n)" + std::to_string(i % 3) + "\"}}"));
        }
        auto& record = *hub.find("d7");
        hub->shards().owner(record.key.device).attach(record, link);
    }
    ~ShardPortTest() override {
        auto& record = *hub.find("d7");
        hub->shards().owner(record.key.device).detach(record, link);
    }

    template <class T>
    static Task<std::optional<T>> held(Task<T> task) {
        co_return std::optional<T>(co_await std::move(task));
    }
    /// As `TestHub::run`, for results without an empty state too.
    template <class T>
    T run(Task<T> task) {
        return *hub.run(held(std::move(task)));
    }
    Result<FoundRow> write(const std::string& id, const std::string& body) {
        const auto key = *IdentityKey::parse(id);
        const auto json = JsonDocument::parse(body);
        return run(hub->registry().write_twin(key, Shard::TwinWrite::patch,
                                              *TwinPatch::parse(json->root(), key), EtagMatch{}));
    }
    /// From now on shards are asked by bytes.
    FarShards& move_away(std::uint64_t seed = 1) {
        far = std::make_unique<FarShards>(hub->port(), seed);
        return *far;
    }
    Result<QueryPage> page(const std::string& statement, const std::string& token = {}) {
        QueryRequest request;
        request.statement = statement;
        request.page_size = 9;
        request.continuation = token;
        return run(hub->queries().run(std::move(request)));
    }
    /// All rows; fails as the first page that does.
    Result<std::string> rows(const std::string& statement) {
        std::string all;
        std::string token;
        do {
            auto next = page(statement, token);
            if (!next) return fail(std::move(next).error());
            for (const std::string& item : next->items) all += item + "\n";
            all += std::to_string(next->examined) + std::string(next->found_by) + "\n";
            token = next->continuation;
        } while (!token.empty());
        return all;
    }
    Result<std::string> exported() {
        RegistryExport walk(hub->port(), ExportedKeys::included);
        std::string lines;
        const auto more = run(walk.append(lines, 1024 * 1024));
        if (!more) return fail(more.error());
        return lines;
    }
    Result<std::string> counts() {
        const auto counted = run(hub->registry().count_devices());
        if (!counted) return fail(counted.error());
        return std::to_string(counted->enabled) + " " + std::to_string(counted->disabled) + " " +
               std::to_string(counted->connected);
    }
    Result<std::string> listed() {
        const auto found = run(hub->registry().list_devices(25));
        if (!found) return fail(found.error());
        std::string all;
        for (const FoundRow& row : *found) {
            append_identity_json(all, row.document.identity.unpack(), row.live);
            append_twin_json(all, row.document, row.live, Flavour::ga);
        }
        return all;
    }
    /// What is read, by a name.
    std::map<std::string, Result<std::string>> all_that_is_read() {
        std::map<std::string, Result<std::string>> read;
        for (const char* statement : statements) read.emplace(statement, rows(statement));
        read.emplace("export", exported());
        read.emplace("counts", counts());
        read.emplace("list", listed());
        return read;
    }

    ManualClock clock{WallTime::from_unix_s(1'790'000'000)};
    MemoryStore store;
    TestHub hub{store, clock, 4};
    FakeLink link;
    std::unique_ptr<FarShards> far;
};

TEST_F(ShardPortTest, WhatIsReadIsTheSameByBytes) {
    // Columns are made as they are first asked for, and change what a statement examines.
    all_that_is_read();
    const auto near = all_that_is_read();
    move_away();
    const auto seen = all_that_is_read();
    ASSERT_EQ(seen.size(), near.size());
    for (const auto& [name, text] : near) {
        ASSERT_TRUE(text) << name << ": " << text.error().detail;
        const auto& by_bytes = seen.at(name);
        ASSERT_TRUE(by_bytes) << name << ": " << by_bytes.error().detail;
        EXPECT_EQ(*by_bytes, *text) << name;
    }
    EXPECT_GT(far->carried, 4 * statements.size());
}

TEST_F(ShardPortTest, WhatIsWrittenIsTheSameByBytes) {
    move_away();
    const auto key = *IdentityKey::parse("new");
    EXPECT_EQ(run(hub->registry().find(key)).error().code, Errc::device_not_found);
    ASSERT_TRUE(run(hub->registry().put(key, R"({"status":"disabled"})", {})));
    EXPECT_EQ(run(hub->registry().put(key, "{}", {})).error().code, Errc::device_already_exists);
    const auto before = run(hub->registry().find(key));
    ASSERT_TRUE(before);
    EXPECT_EQ(before->document.identity.status(), DeviceStatus::disabled);

    const auto renewed = run(hub->registry().regenerate_keys(key, Shard::KeyChoice::primary));
    ASSERT_TRUE(renewed);
    const auto old_keys = before->document.identity.unpack().auth;
    const auto new_keys = renewed->document.identity.unpack().auth;
    EXPECT_NE(new_keys.primary_key, old_keys.primary_key);
    EXPECT_EQ(new_keys.secondary_key, old_keys.secondary_key);

    const auto written = write("new", R"({"tags":{"a":{"b":1.0}},"properties":{"desired":{"c":[1,"x"]}}})");
    ASSERT_TRUE(written);
    std::string twin;
    append_twin_json(twin, written->document, written->live, Flavour::ga);
    EXPECT_NE(twin.find(R"("a":{"b":1.0})"), std::string::npos) << twin;
    EXPECT_NE(twin.find(R"("c":[1,"x"])"), std::string::npos) << twin;

    const auto module = *IdentityKey::parse("new", "m");
    ASSERT_TRUE(run(hub->registry().put(module, "{}", {})));
    const auto modules = run(hub->registry().list_modules(key));
    ASSERT_TRUE(modules);
    ASSERT_EQ(modules->size(), 1U);
    EXPECT_EQ(modules->front().key, module);

    EXPECT_EQ(run(hub->registry().remove(key, {})).error().code, Errc::precondition_failed);
    EXPECT_TRUE(run(hub->registry().remove(key, any_etag())));
    EXPECT_EQ(run(hub->registry().list_modules(key)).error().code, Errc::device_not_found);
}

TEST_F(ShardPortTest, AMethodIsCalledByBytes) {
    move_away();
    link.on_method = [this](const FakeLink::Call& call) {
        auto& record = *hub.find("d7");
        hub->shards().owner(record.key.device).methods().answered(record, call.id, 207, call.payload);
    };
    MethodCall call;
    call.name = "blink";
    call.payload = R"({"times":3})";
    const auto answered = run(hub->registry().invoke_method(*IdentityKey::parse("d7"), call));
    ASSERT_TRUE(answered) << answered.error().detail;
    EXPECT_EQ(answered->status, 207);
    EXPECT_EQ(answered->payload, call.payload);
    ASSERT_EQ(link.methods.size(), 1U);
    EXPECT_EQ(link.methods.front().name, "blink");
}

TEST_F(ShardPortTest, EntriesAreAppliedByBytes) {
    move_away();
    std::vector<ImportEntry> entries;
    for (const char* text :
         {R"({"id":"d1","importMode":"create"})", R"({"id":"new1","tags":{"t":1}})",
          R"({"id":"d2","importMode":"delete"})", R"({"id":"gone","importMode":"update"})"}) {
        ImportName name;
        entries.push_back(*ImportEntry::parse(text, name));
    }
    const auto outcomes = run(hub->registry().apply(std::move(entries)));
    ASSERT_EQ(outcomes.size(), 4U);
    EXPECT_EQ(outcomes[0].error().code, Errc::device_already_exists);
    EXPECT_TRUE(outcomes[1]);
    EXPECT_TRUE(outcomes[2]);
    EXPECT_EQ(outcomes[3].error().code, Errc::device_not_found);
    EXPECT_NE(hub.find("new1"), nullptr);
    EXPECT_EQ(hub.find("d2"), nullptr);
}

TEST_F(ShardPortTest, AMessageIsQueuedByBytes) {
    move_away();
    CloudMessage message;
    message.ack = Ack::full;
    message.system = {{"message-id", "m1"}, {"correlation-id", "c"}};
    message.properties = {{"a", "1"}, {"b", std::nullopt}};
    message.body = std::string("\0\xff body", 7);
    const auto key = *IdentityKey::parse("d3");
    const auto sent = run(hub->messages().send(key, message));
    ASSERT_TRUE(sent) << sent.error().detail;
    EXPECT_EQ(hub.find("d3")->c2d_count, 1U);
    std::optional<CloudMessage> received;
    hub->shards()
        .owner(key.device)
        .cloud_messages()
        .receive(*hub.find("d3"), CloudMessageLimits::lock_time,
                 [&received](Result<std::optional<ReceivedMessage>> found) { received = (*found)->message; });
    hub.settle();
    ASSERT_TRUE(received);
    EXPECT_EQ(received->sequence, *sent);
    EXPECT_EQ(received->ack, message.ack);
    EXPECT_EQ(received->system, message.system);
    EXPECT_EQ(received->properties, message.properties);
    EXPECT_EQ(received->body, message.body);
    EXPECT_EQ(run(hub->messages().purge(key)).value_or(0), 1U);
    EXPECT_EQ(hub.find("d3")->c2d_count, 0U);
    EXPECT_EQ(run(hub->messages().send(*IdentityKey::parse("none"), message)).error().code,
              Errc::device_not_found);
    EXPECT_EQ(run(hub->messages().purge(*IdentityKey::parse("d3", "none"))).error().code,
              Errc::module_not_found);
}

TEST_F(ShardPortTest, AMessageIsQueuedOnceOrNotAtAll) {
    const auto key = *IdentityKey::parse("d3");
    FarShards& carrier = move_away(5);
    carrier.lost_percent = 30;
    carrier.turns_max = 3;
    int unknown = 0;
    std::uint64_t queued = 0;
    for (int i = 0; i < 200; ++i) {
        const auto sent = run(hub->messages().send(key, CloudMessage()));
        const std::uint64_t now = hub.find("d3")->c2d_count;
        if (sent) {
            EXPECT_EQ(now, queued + 1);
        } else {
            ++unknown;
            EXPECT_EQ(sent.error().code, Errc::service_unavailable);
            EXPECT_LE(now, queued + 1);
        }
        queued = now;
        if (queued < CloudMessageLimits::queue_messages_max) continue;
        carrier.lost_percent = 0;
        EXPECT_EQ(run(hub->messages().purge(key)).value_or(0), queued);
        carrier.lost_percent = 30;
        queued = 0;
    }
    EXPECT_GT(unknown, 20);
}

TEST_F(ShardPortTest, AContentIsAppliedByBytes) {
    move_away();
    const auto edge = *IdentityKey::parse("edge");
    ASSERT_TRUE(run(hub->registry().put(edge, R"({"capabilities":{"iotEdge":true}})", {})));
    const auto body = JsonDocument::parse(
        R"({"modulesContent":{"$edgeAgent":{"properties.desired":{"x":1.0}},"m":{"properties.desired.a.b":"c"}}})");
    auto orders = read_single_deployment(edge, body->root());
    ASSERT_TRUE(orders) << orders.error().detail;
    ShardPort& port = hub->port();
    const ApplyContent content{edge, *orders};
    EXPECT_TRUE(run(port.ask(port.owner(edge.device), content)));
    const auto desired = [this](std::string_view module) {
        const auto found = run(hub->registry().find(*IdentityKey::parse("edge", module)));
        std::string text;
        if (found) found->document.twin.desired.append_json(text, SectionForm::plain);
        return text;
    };
    EXPECT_EQ(desired("$edgeAgent"), R"({"x":1.0})");
    EXPECT_EQ(desired("m"), R"({"a":{"b":"c"}})");
    const ApplyContent none{*IdentityKey::parse("none"), {}};
    EXPECT_EQ(run(port.ask(port.owner(none.device.device), none)).error().code, Errc::device_not_found);
}

TEST_F(ShardPortTest, ConnectionsEndByBytes) {
    move_away();
    ShardPort& port = hub->port();
    const EndLinks ending{*IdentityKey::parse("d7")};
    EXPECT_TRUE(run(port.ask(port.owner(ending.device.device), ending)));
    EXPECT_EQ(link.closed, Errc::iot_hub_unauthorized_access);
}

TEST_F(ShardPortTest, RowsAreReadByBytes) {
    move_away();
    ShardPort& port = hub->port();
    ReadRows request;
    const std::size_t shard = port.owner(IdentityKey::parse("d0")->device);
    for (int i = 0; i < devices; ++i) {
        const auto key = *IdentityKey::parse("d" + std::to_string(i));
        if (port.owner(key.device) == shard) request.keys.push_back(key);
    }
    const std::size_t there = request.keys.size();
    request.keys.push_back(*IdentityKey::parse("none"));
    const auto rows = run(port.ask(shard, request));
    ASSERT_TRUE(rows);
    ASSERT_EQ(rows->size(), there);
    for (std::size_t i = 0; i < there; ++i) EXPECT_EQ((*rows)[i].key, request.keys[i]);
    request.keys.resize(ReadRows::keys_max + 1, request.keys.front());
    EXPECT_EQ(run(port.ask(shard, request)).error().code, Errc::malformed_packet);
}

TEST_F(ShardPortTest, EntriesOfAnImportAreTakenJustWhereTheyFollowOn) {
    ShardPort& port = hub->port();
    const auto entries = [](std::uint64_t job, std::uint64_t follows, std::vector<std::uint64_t> lines) {
        ApplyEntries request;
        request.import = ApplyEntries::Import{job, follows, std::move(lines)};
        for (const auto line : request.import->lines) {
            ImportName name;
            const std::string text = R"({"id":"i)" + std::to_string(line) + R"(","importMode":"create"})";
            request.entries.push_back(*ImportEntry::parse(text, name));
        }
        return request;
    };
    const auto applied = [&](ApplyEntries request) { return run(port.ask(0, std::move(request))); };
    EXPECT_TRUE(applied(entries(1, 0, {1, 4})));
    EXPECT_EQ(applied(entries(1, 0, {1, 4})).error().code, Errc::service_unavailable) << "it comes again";
    EXPECT_EQ(applied(entries(1, 5, {6})).error().code, Errc::service_unavailable) << "one is missing";
    EXPECT_TRUE(applied(entries(1, 4, {6})));
    EXPECT_TRUE(applied(entries(2, 0, {2})));
    EXPECT_EQ(applied(entries(1, 6, {7})).error().code, Errc::service_unavailable) << "of an older import";
    EXPECT_EQ(hub->shards()[0].directory().find(*IdentityKey::parse("i7")), nullptr);
    // Two at a time: the later one is refused, whether it would follow or not.
    const auto first = hub.begin(held(port.ask(0, entries(2, 2, {8}))));
    const auto second = hub.begin(held(port.ask(0, entries(2, 2, {8}))));
    hub.settle();
    ASSERT_TRUE(first->has_value() && second->has_value());
    EXPECT_TRUE(***first);
    EXPECT_EQ((***second).error().code, Errc::service_unavailable);
}

TEST_F(ShardPortTest, WhatIsReadIsWholeOrRefusedWhereAnswersAreLost) {
    all_that_is_read();
    const auto near = all_that_is_read();
    std::size_t whole = 0;
    std::size_t refused = 0;
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        FarShards& carrier = move_away(seed);
        carrier.lost_percent = 5 + static_cast<unsigned>(seed);
        carrier.twice_percent = 30;
        carrier.turns_max = 5;
        for (const auto& [name, seen] : all_that_is_read()) {
            if (!seen) {
                ++refused;
                EXPECT_EQ(seen.error().code, Errc::service_unavailable) << name;
                continue;
            }
            ++whole;
            // What it cost counts what was asked twice.
            if (name.starts_with("SELECT")) continue;
            EXPECT_EQ(*seen, *near.at(name)) << name << " seed " << seed;
        }
    }
    EXPECT_GT(whole, 100U);
    EXPECT_GT(refused, 20U);
}

TEST_F(ShardPortTest, AWriteIsCarriedOutOnceOrNotAtAll) {
    std::int64_t version = hub.find("d5")->committed->twin.version;
    int unknown = 0;
    FarShards& carrier = move_away(7);
    carrier.lost_percent = 30;
    carrier.turns_max = 3;
    for (int i = 0; i < 200; ++i) {
        const auto written = write("d5", R"({"tags":{"i":)" + std::to_string(i) + "}}");
        const std::int64_t now = hub.find("d5")->committed->twin.version;
        if (written) {
            EXPECT_EQ(now, version + 1);
        } else {
            ++unknown;
            EXPECT_EQ(written.error().code, Errc::service_unavailable);
            EXPECT_LE(now, version + 1);
        }
        version = now;
    }
    EXPECT_GT(unknown, 50);
    EXPECT_LT(unknown, 150);
}

/// Keeps what was carried.
class Listening final : public ShardCarrier {
public:
    explicit Listening(ShardPort& port) : port_(port) {}
    std::vector<std::string> requests;
    std::vector<std::string> answers;

    Task<Result<std::string>> carry(std::size_t shard, std::string request) override {
        requests.push_back(request);
        auto answering = answer_bytes(port_.seat(shard), std::move(request));
        answers.push_back(co_await std::move(answering));
        co_return answers.back();
    }

private:
    ShardPort& port_;
};

TEST_F(ShardPortTest, DamagedBytesAreRefused) {
    Listening heard(hub->port());
    hub->port().use(heard);
    for (const char* statement : statements) ASSERT_TRUE(page(statement));
    ASSERT_TRUE(exported());
    ASSERT_TRUE(counts());
    CloudMessage message;
    message.properties = {{"a", "1"}};
    ASSERT_TRUE(run(hub->messages().send(*IdentityKey::parse("d3"), message)));
    ReadRows two;
    two.keys = {*IdentityKey::parse("d1"), *IdentityKey::parse("d2", "m")};
    ASSERT_TRUE(run(hub->port().ask(0, two)));
    ApplyContent content{*IdentityKey::parse("none"), {}};
    content.orders.push_back({*IdentityKey::parse("none", "m"), {}});
    content.orders[0].settings.push_back({{"a"}, "1"});
    EXPECT_FALSE(run(hub->port().ask(0, content)));
    content.orders[0].settings[0].value = "no JSON";
    EXPECT_EQ(run(hub->port().ask(0, content)).error().code, Errc::malformed_packet);
    heard.requests.pop_back();
    heard.answers.pop_back();
    std::size_t refused = 0;
    for (const std::string& request : heard.requests) {
        for (std::size_t size = 0; size < request.size(); ++size) {
            const std::string answer = run(answer_bytes(hub->port().seat(0), request.substr(0, size)));
            const auto decoded = decode_answer<void>(answer, NoContext{});
            ASSERT_FALSE(decoded);
            refused += decoded.error().code == Errc::malformed_packet ? 1 : 0;
        }
    }
    EXPECT_GT(refused, 100U);
    const PlanContext plan = std::make_shared<const ScanPlan>(*query::parse_query(statements[0]));
    std::size_t cuts = 0;
    for (std::size_t i = 0; i < heard.answers.size(); ++i) {
        const std::string& answer = heard.answers[i];
        for (std::size_t size = 0; size < answer.size(); size += 1 + size / 16) {
            const std::string cut = answer.substr(0, size);
            switch (static_cast<std::uint8_t>(heard.requests[i].front())) {
                case ScanRows::number:
                    EXPECT_FALSE(decode_answer<std::vector<FoundRow>>(cut, plan));
                    break;
                case ReadExportPage::number:
                    EXPECT_FALSE(decode_answer<ExportPage>(cut, NoContext{}));
                    break;
                case CountDevices::number:
                    EXPECT_FALSE(decode_answer<DeviceCounts>(cut, NoContext{}));
                    break;
                default:
                    continue;
            }
            ++cuts;
        }
    }
    EXPECT_GT(cuts, 1000U);
}

}  // namespace
}  // namespace carillon
