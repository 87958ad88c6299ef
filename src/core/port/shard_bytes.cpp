#include "core/port/shard_bytes.hpp"

#include "core/shard/twin_log.hpp"
#include "model/configuration_states.hpp"

#include <utility>

namespace carillon {
namespace {

/// Bytes of an item of a list at the least.
constexpr std::size_t row_bytes_min = 20;
constexpr std::size_t line_bytes_min = 2;
constexpr std::size_t entry_bytes_min = 1;
constexpr std::size_t outcome_bytes_min = 1;
constexpr std::size_t number_bytes_min = 8;
constexpr std::size_t key_bytes_min = 2;
constexpr std::size_t count_bytes = 20;
constexpr std::size_t order_bytes_min = 3;
constexpr std::size_t setting_bytes_min = 2;
constexpr std::size_t name_bytes_min = 1;
constexpr std::uint8_t export_keys_end = 2;
constexpr std::uint8_t key_choices_end = 3;
constexpr std::uint8_t twin_writes_end = 2;
constexpr std::uint8_t match_kinds_end = 3;
constexpr std::uint8_t function_sets_end = 3;
constexpr std::uint8_t scan_ways_end = 4;

template <class Enum>
std::optional<Enum> take_enum(StoredReader& in, std::uint8_t end) {
    const std::uint8_t value = in.u8();
    if (!in.ok() || value >= end) {
        in.spoil();
        return std::nullopt;
    }
    return static_cast<Enum>(value);
}

void put_key(StoredWriter& out, const IdentityKey& key) {
    out.text(key.device.str());
    out.text(key.module);
}

std::optional<IdentityKey> take_key(StoredReader& in) {
    const std::string_view device = in.text();
    const std::string_view module = in.text();
    if (!in.ok()) return std::nullopt;
    auto key = IdentityKey::parse(device, module);
    if (!key) {
        in.spoil();
        return std::nullopt;
    }
    return *std::move(key);
}

void put_match(StoredWriter& out, const EtagMatch& match) {
    out.u8(static_cast<std::uint8_t>(match.kind));
    out.text(match.etag);
}

EtagMatch take_match(StoredReader& in) {
    EtagMatch match;
    match.kind = take_enum<EtagMatch::Kind>(in, match_kinds_end).value_or(EtagMatch::Kind::absent);
    match.etag = in.text();
    return match;
}

void put_plan(StoredWriter& out, const ScanPlan& plan) {
    out.text(plan.statement.text);
    out.u8(static_cast<std::uint8_t>(plan.statement.options.functions));
    out.varint(plan.statement.options.statement_bytes_max);
    out.u8(plan.statement.is_counted ? 1 : 0);
}

std::shared_ptr<const ScanPlan> take_plan(StoredReader& in) {
    ScanPlan::Statement statement;
    statement.text = in.text();
    const auto functions = take_enum<query::FunctionSet>(in, function_sets_end);
    statement.options.statement_bytes_max = in.varint();
    const std::uint8_t counted = in.u8();
    if (counted > 1) in.spoil();
    statement.is_counted = counted == 1;
    if (!in.ok() || !functions) return nullptr;
    statement.options.functions = *functions;
    auto plan = ScanPlan::parse(std::move(statement));
    if (!plan || (*plan)->query.collection == query::Collection::jobs) {
        in.spoil();
        return nullptr;
    }
    return *std::move(plan);
}

void put_settings(StoredWriter& out, const ConfigurationSettings& settings) {
    out.varint(settings.size());
    for (const ConfigurationSetting& setting : settings) {
        out.varint(setting.path.size());
        for (const std::string& name : setting.path) out.text(name);
        out.text(setting.value);
    }
}

std::optional<ConfigurationSettings> take_settings(StoredReader& in) {
    ConfigurationSettings settings;
    for (std::size_t left = in.count(setting_bytes_min); left > 0; --left) {
        ConfigurationSetting setting;
        for (std::size_t names = in.count(name_bytes_min); names > 0; --names)
            setting.path.emplace_back(in.text());
        setting.value = in.text();
        // Settings are merged as JSON, so each must be JSON.
        if (!in.ok() || !JsonDocument::parse(setting.value)) return std::nullopt;
        settings.push_back(std::move(setting));
    }
    return in.ok() ? std::optional(std::move(settings)) : std::nullopt;
}

void put_cost(StoredWriter& out, const ScanCost& cost) {
    out.u64(cost.examined());
    out.u8(static_cast<std::uint8_t>(cost.way()));
}

void take_cost(StoredReader& in, ScanCost& cost) {
    const std::uint64_t examined = in.u64();
    const auto way = take_enum<ScanCost::Way>(in, scan_ways_end);
    if (way) cost.add(examined, *way);
}

void put_live(StoredWriter& out, const LiveState& live) {
    out.u8(live.connected ? 1 : 0);
    out.i64(live.connection_updated.ticks);
    out.i64(live.last_activity.ticks);
    out.varint(live.c2d_count);
    out.varint(live.configurations ? live.configurations->states().size() : 0);
    if (!live.configurations) return;
    for (const ConfigurationStates::State& state : live.configurations->states()) {
        out.text(state.id);
        out.u8(state.is_applied ? 1 : 0);
    }
}

LiveState take_live(StoredReader& in) {
    LiveState live;
    live.connected = in.u8() == 1;
    live.connection_updated = {in.i64()};
    live.last_activity = {in.i64()};
    live.c2d_count = static_cast<std::uint32_t>(in.varint());
    std::vector<ConfigurationStates::State> states;
    for (std::size_t left = in.count(line_bytes_min); left > 0 && in.ok(); --left) {
        ConfigurationStates::State state;
        state.id = in.text();
        state.is_applied = in.u8() == 1;
        states.push_back(std::move(state));
    }
    if (!states.empty()) live.configurations = std::make_shared<const ConfigurationStates>(std::move(states));
    return live;
}

void put_row(StoredWriter& out, const FoundRow& row) {
    put_key(out, row.key);
    out.text(encode_document(row.document, 0, 0));
    put_live(out, row.live);
}

std::optional<FoundRow> take_row(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    auto stored = decode_document(as_bytes(in.text()));
    LiveState live = take_live(in);
    if (!stored || !in.ok()) {
        in.spoil();
        return std::nullopt;
    }
    return FoundRow{*std::move(key), std::move(stored->document), std::move(live)};
}

void put_rows(StoredWriter& out, const std::vector<FoundRow>& rows) {
    out.varint(rows.size());
    for (const FoundRow& row : rows) put_row(out, row);
}

std::optional<std::vector<FoundRow>> take_rows(StoredReader& in) {
    const std::size_t count = in.count(row_bytes_min);
    std::vector<FoundRow> rows;
    rows.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
        auto row = take_row(in);
        if (!row) return std::nullopt;
        rows.push_back(*std::move(row));
    }
    return in.ok() ? std::optional(std::move(rows)) : std::nullopt;
}

}  // namespace

// --- requests ----------------------------------------------------------------------------------------

void write_request(StoredWriter& out, const FindIdentity& request) {
    put_key(out, request.key);
}
template <>
std::optional<FindIdentity> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    return FindIdentity{*std::move(key)};
}

void write_request(StoredWriter& out, const ListModules& request) {
    put_key(out, request.device);
}
template <>
std::optional<ListModules> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    return ListModules{*std::move(key)};
}

void write_request(StoredWriter& out, const PutIdentity& request) {
    put_key(out, request.key);
    out.text(request.body);
    put_match(out, request.match);
}
template <>
std::optional<PutIdentity> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    PutIdentity request{*std::move(key), std::string(in.text()), {}};
    request.match = take_match(in);
    return request;
}

void write_request(StoredWriter& out, const RemoveIdentity& request) {
    put_key(out, request.key);
    put_match(out, request.match);
}
template <>
std::optional<RemoveIdentity> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    return RemoveIdentity{*std::move(key), take_match(in)};
}

void write_request(StoredWriter& out, const RenewKeys& request) {
    put_key(out, request.key);
    out.u8(static_cast<std::uint8_t>(request.choice));
}
template <>
std::optional<RenewKeys> read_request(StoredReader& in) {
    auto key = take_key(in);
    const auto choice = take_enum<Shard::KeyChoice>(in, key_choices_end);
    if (!key || !choice) return std::nullopt;
    return RenewKeys{*std::move(key), *choice};
}

void write_request(StoredWriter& out, const WriteTwin& request) {
    put_key(out, request.key);
    out.u8(static_cast<std::uint8_t>(request.kind));
    // As in the twin log, which holds patches of any number of devices: here of one.
    out.text(encode_twin_log_entry(WallTime{}, request.patch, {0}));
    put_match(out, request.match);
}
template <>
std::optional<WriteTwin> read_request(StoredReader& in) {
    auto key = take_key(in);
    const auto kind = take_enum<Shard::TwinWrite>(in, twin_writes_end);
    auto entry = decode_twin_log_entry(as_bytes(in.text()));
    EtagMatch match = take_match(in);
    if (!key || !kind || !entry) return std::nullopt;
    return WriteTwin{*std::move(key), *kind, std::move(entry->patch), std::move(match)};
}

void write_request(StoredWriter& out, const InvokeMethod& request) {
    put_key(out, request.key);
    out.text(request.call.name);
    out.text(request.call.payload);
    out.u32(static_cast<std::uint32_t>(request.call.response_timeout_s));
    out.u32(static_cast<std::uint32_t>(request.call.connect_timeout_s));
}
template <>
std::optional<InvokeMethod> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    InvokeMethod request{*std::move(key), {}};
    request.call.name = in.text();
    request.call.payload = in.text();
    const std::uint32_t response_s = in.u32();
    const std::uint32_t connect_s = in.u32();
    // Checked where the call was read; more would be a damaged field.
    constexpr std::uint32_t longest_s = MethodLimits::preview_timeout_max_s;
    if (response_s > longest_s || connect_s > longest_s) return std::nullopt;
    request.call.response_timeout_s = static_cast<int>(response_s);
    request.call.connect_timeout_s = static_cast<int>(connect_s);
    return request;
}

void write_request(StoredWriter&, const CountDevices&) {}
template <>
std::optional<CountDevices> read_request(StoredReader&) {
    return CountDevices{};
}

void write_request(StoredWriter&, const CountRecords&) {}
template <>
std::optional<CountRecords> read_request(StoredReader&) {
    return CountRecords{};
}

void write_request(StoredWriter& out, const ReadExportPage& request) {
    out.text(request.after);
    out.u8(static_cast<std::uint8_t>(request.keys));
}
template <>
std::optional<ReadExportPage> read_request(StoredReader& in) {
    ReadExportPage request;
    request.after = in.text();
    const auto keys = take_enum<ExportedKeys>(in, export_keys_end);
    if (!keys) return std::nullopt;
    request.keys = *keys;
    return request;
}

void write_request(StoredWriter& out, const ApplyEntries& request) {
    out.u8(request.import ? 1 : 0);
    if (request.import) {
        out.u64(request.import->job);
        out.u64(request.import->follows);
    }
    out.varint(request.entries.size());
    for (std::size_t i = 0; i < request.entries.size(); ++i) {
        if (request.import) out.u64(request.import->lines[i]);
        out.text(request.entries[i].text());
    }
}
template <>
std::optional<ApplyEntries> read_request(StoredReader& in) {
    ApplyEntries request;
    const bool is_import = in.u8() == 1;
    if (is_import) {
        ApplyEntries::Import import;
        import.job = in.u64();
        import.follows = in.u64();
        request.import = std::move(import);
    }
    for (std::size_t left = in.count(is_import ? number_bytes_min : entry_bytes_min); left > 0; --left) {
        if (is_import) request.import->lines.push_back(in.u64());
        ImportName name;
        auto entry = ImportEntry::parse(std::string(in.text()), name);
        if (!entry || !in.ok()) return std::nullopt;
        request.entries.push_back(*std::move(entry));
    }
    return request;
}

void write_request(StoredWriter& out, const ScanRows& request) {
    put_plan(out, *request.plan);
    out.u8(request.after ? 1 : 0);
    if (request.after) put_key(out, *request.after);
    out.varint(request.rows_max);
}
template <>
std::optional<ScanRows> read_request(StoredReader& in) {
    ScanRows request;
    request.plan = take_plan(in);
    if (in.u8() == 1) request.after = take_key(in);
    request.rows_max = in.varint();
    if (!in.ok() || request.plan->query.is_aggregated()) return std::nullopt;
    return request;
}

void write_request(StoredWriter& out, const ScanGroups& request) {
    put_plan(out, *request.plan);
}
template <>
std::optional<ScanGroups> read_request(StoredReader& in) {
    ScanGroups request{take_plan(in)};
    if (!in.ok() || !request.plan->query.is_aggregated()) return std::nullopt;
    return request;
}

void write_request(StoredWriter& out, const SendMessage& request) {
    put_key(out, request.key);
    out.text(encode_cloud_message(request.message));
}
template <>
std::optional<SendMessage> read_request(StoredReader& in) {
    auto key = take_key(in);
    auto message = decode_cloud_message(as_bytes(in.text()));
    if (!key || !message) return std::nullopt;
    return SendMessage{*std::move(key), *std::move(message)};
}

void write_request(StoredWriter& out, const PurgeMessages& request) {
    put_key(out, request.key);
}
template <>
std::optional<PurgeMessages> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    return PurgeMessages{*std::move(key)};
}

void write_request(StoredWriter& out, const ApplyContent& request) {
    put_key(out, request.device);
    out.varint(request.orders.size());
    for (const SingleDeployment& order : request.orders) {
        put_key(out, order.twin);
        put_settings(out, order.settings);
    }
}
template <>
std::optional<ApplyContent> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    ApplyContent request{*std::move(key), {}};
    for (std::size_t left = in.count(order_bytes_min); left > 0; --left) {
        auto twin = take_key(in);
        auto settings = take_settings(in);
        if (!twin || !settings) return std::nullopt;
        request.orders.push_back({*std::move(twin), *std::move(settings)});
    }
    return request;
}

void write_request(StoredWriter&, const CountConfigurations&) {}
template <>
std::optional<CountConfigurations> read_request(StoredReader&) {
    return CountConfigurations{};
}

void write_request(StoredWriter& out, const ReadRows& request) {
    out.varint(request.keys.size());
    for (const IdentityKey& key : request.keys) put_key(out, key);
}
template <>
std::optional<ReadRows> read_request(StoredReader& in) {
    ReadRows request;
    const std::size_t count = in.count(key_bytes_min);
    if (count > ReadRows::keys_max) return std::nullopt;
    for (std::size_t i = 0; i < count; ++i) {
        auto key = take_key(in);
        if (!key) return std::nullopt;
        request.keys.push_back(*std::move(key));
    }
    return request;
}

void write_request(StoredWriter& out, const EndLinks& request) {
    put_key(out, request.device);
}
template <>
std::optional<EndLinks> read_request(StoredReader& in) {
    auto key = take_key(in);
    if (!key) return std::nullopt;
    return EndLinks{*std::move(key)};
}

// --- answers -----------------------------------------------------------------------------------------

void write_answer(StoredWriter& out, NoContext, const FoundRow& answer) {
    put_row(out, answer);
}
template <>
std::optional<FoundRow> read_answer(StoredReader& in, const NoContext&) {
    return take_row(in);
}

void write_answer(StoredWriter& out, NoContext, const std::vector<FoundRow>& answer) {
    put_rows(out, answer);
}
template <>
std::optional<std::vector<FoundRow>> read_answer(StoredReader& in, const NoContext&) {
    return take_rows(in);
}

void write_answer(StoredWriter& out, NoContext, const MethodAnswer& answer) {
    out.u32(static_cast<std::uint32_t>(answer.status));
    out.text(answer.payload);
}
template <>
std::optional<MethodAnswer> read_answer(StoredReader& in, const NoContext&) {
    MethodAnswer answer;
    answer.status = static_cast<int>(in.u32());
    answer.payload = in.text();
    return answer;
}

void write_answer(StoredWriter& out, NoContext, const DeviceCounts& answer) {
    out.i64(answer.enabled);
    out.i64(answer.disabled);
    out.i64(answer.connected);
}
template <>
std::optional<DeviceCounts> read_answer(StoredReader& in, const NoContext&) {
    DeviceCounts counts;
    counts.enabled = in.i64();
    counts.disabled = in.i64();
    counts.connected = in.i64();
    return counts;
}

void write_answer(StoredWriter& out, NoContext, const std::uint64_t& answer) {
    out.u64(answer);
}
template <>
std::optional<std::uint64_t> read_answer(StoredReader& in, const NoContext&) {
    return in.u64();
}

void write_answer(StoredWriter& out, NoContext, const ExportPage& answer) {
    out.u8(answer.is_last ? 1 : 0);
    out.varint(answer.lines.size());
    for (const ExportPage::Line& line : answer.lines) {
        out.text(line.key);
        out.text(line.text);
    }
}
template <>
std::optional<ExportPage> read_answer(StoredReader& in, const NoContext&) {
    ExportPage page;
    page.is_last = in.u8() == 1;
    for (std::size_t left = in.count(line_bytes_min); left > 0 && in.ok(); --left) {
        ExportPage::Line line;
        line.key = in.text();
        line.text = in.text();
        page.lines.push_back(std::move(line));
    }
    return page;
}

void write_answer(StoredWriter& out, NoContext, const std::vector<Result<>>& answer) {
    out.varint(answer.size());
    for (const Result<>& outcome : answer) {
        out.u8(outcome ? 0 : 1);
        if (!outcome) write_error(out, outcome.error());
    }
}
template <>
std::optional<std::vector<Result<>>> read_answer(StoredReader& in, const NoContext&) {
    std::vector<Result<>> outcomes;
    for (std::size_t left = in.count(outcome_bytes_min); left > 0 && in.ok(); --left) {
        Result<> outcome;
        if (in.u8() != 0) outcome = fail(read_error(in));
        outcomes.push_back(std::move(outcome));
    }
    return outcomes;
}

void write_answer(StoredWriter& out, NoContext, const std::vector<ConfigurationCount>& answer) {
    out.varint(answer.size());
    for (const ConfigurationCount& count : answer) {
        out.u32(count.number);
        out.i64(count.targeted);
        out.i64(count.applied);
    }
}
template <>
std::optional<std::vector<ConfigurationCount>> read_answer(StoredReader& in, const NoContext&) {
    std::vector<ConfigurationCount> counts;
    for (std::size_t left = in.count(count_bytes); left > 0; --left) {
        ConfigurationCount count;
        count.number = in.u32();
        count.targeted = in.i64();
        count.applied = in.i64();
        counts.push_back(count);
    }
    return counts;
}

void write_answer(StoredWriter& out, const PlanContext& plan, const std::vector<FoundRow>& answer) {
    put_cost(out, plan->cost);
    put_rows(out, answer);
}
template <>
std::optional<std::vector<FoundRow>> read_answer(StoredReader& in, const PlanContext& plan) {
    take_cost(in, plan->cost);
    return take_rows(in);
}

void write_answer(StoredWriter& out, const PlanContext& plan,
                  const std::unique_ptr<query::Aggregation>& answer) {
    put_cost(out, plan->cost);
    answer->write(out);
}
template <>
std::optional<std::unique_ptr<query::Aggregation>> read_answer(StoredReader& in, const PlanContext& plan) {
    take_cost(in, plan->cost);
    auto groups = std::make_unique<query::Aggregation>(plan->query);
    if (!groups->read(in)) return std::nullopt;
    return groups;
}

void write_error(StoredWriter& out, const Error& error) {
    out.u32(static_cast<std::uint32_t>(error.code));
    out.text(error.detail);
}

Error read_error(StoredReader& in) {
    const auto code = static_cast<Errc>(in.u32());
    return {code, std::string(in.text())};
}

}  // namespace carillon
