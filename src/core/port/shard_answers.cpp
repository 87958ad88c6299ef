#include "core/port/shard_answers.hpp"

#include "base/await.hpp"
#include "core/port/import_entries.hpp"
#include "core/port/shard_bytes.hpp"
#include "core/shard/cloud_messages.hpp"
#include "core/shard/directory.hpp"
#include "core/shard/methods.hpp"
#include "model/key_list.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

namespace carillon {
namespace {

/// Records counted before the shard's other work gets a turn.
constexpr std::size_t slice_records_max = 4096;

FoundRow row_of(const Record& record) {
    return {.key = record.key, .document = *record.committed, .live = record.live()};
}

/// A document that was just written, which the record may show already or not.
FoundRow row_of(Shard& shard, const IdentityKey& key, Document document) {
    const Record* record = shard.directory().find(key);
    return {.key = key, .document = std::move(document), .live = record ? record->live() : LiveState{}};
}

/// The key that `KeyList::text_of` made a text of.
std::optional<IdentityKey> key_of(std::string_view text) {
    const std::size_t nul = text.find('\0');
    auto key = nul == std::string_view::npos ? IdentityKey::parse(text)
                                             : IdentityKey::parse(text.substr(0, nul), text.substr(nul + 1));
    if (!key) return std::nullopt;
    return *std::move(key);
}

std::string refused_bytes(const char* why) {
    const Result<> refused = fail(Errc::malformed_packet, why);
    return encode_answer(refused, NoContext{});
}

template <class Request>
Task<std::string> answer_to(ShardSeat& seat, StoredReader in) {
    auto request = read_request<Request>(in);
    if (!request || !in.is_done()) co_return refused_bytes("a request with fields that are none");
    const auto context = ContextOf<Request>::of(*request);
    auto answering = answer(seat, *std::move(request));
    const auto answered = co_await std::move(answering);
    co_return encode_answer(answered, context);
}

using Answerer = Task<std::string> (*)(ShardSeat&, StoredReader);
using Answerers = std::array<Answerer, std::tuple_size_v<ShardRequests>>;

constexpr Answerers make_answerers() {
    Answerers all{};
    each_shard_request([&all]<class Request>(std::type_identity<Request>) {
        all.at(Request::number) = &answer_to<Request>;
    });
    return all;
}
constexpr Answerers answerers = make_answerers();

// Not by looking for null among the functions: gcc 12 with sanitizers takes no comparison of theirs for
// constant.
constexpr bool has_each_number() {
    std::array<bool, std::tuple_size_v<ShardRequests>> seen{};
    each_shard_request(
        [&seen]<class Request>(std::type_identity<Request>) { seen.at(Request::number) = true; });
    return std::find(seen.begin(), seen.end(), false) == seen.end();
}
static_assert(has_each_number(), "each has its number");

Result<Record*> find_existing(Shard& shard, const IdentityKey& key) {
    Record* record = shard.directory().find(key);
    if (record != nullptr && record->exists()) return record;
    return fail(shard.missing(key), key.path());
}

}  // namespace

Task<Result<FoundRow>> answer(Shard& shard, FindIdentity request) {
    const Record* record = shard.directory().find(request.key);
    if (record == nullptr || !record->exists()) co_return fail(shard.missing(request.key));
    co_return row_of(*record);
}

Task<Result<std::vector<FoundRow>>> answer(Shard& shard, ListModules request) {
    const IdentityKey& device = request.device;
    const Directory& directory = shard.directory();
    const Record* parent = directory.find(device);
    if (parent == nullptr || !parent->exists()) co_return fail(Errc::device_not_found);
    std::vector<FoundRow> rows;  // A device has few modules: `IdentityLimits`.
    for (const Record* record = directory.upper_bound(device);
         record != nullptr && record->key.device == device.device; record = directory.next(*record)) {
        if (record->exists()) rows.push_back(row_of(*record));
    }
    co_return rows;
}

Task<Result<FoundRow>> answer(Shard& shard, PutIdentity request) {
    auto document =
        co_await shard.put_identity(request.key, std::move(request.body), std::move(request.match));
    if (!document) co_return fail(std::move(document).error());
    co_return row_of(shard, request.key, *std::move(document));
}

Task<Result<>> answer(Shard& shard, RemoveIdentity request) {
    return shard.remove_identity(std::move(request.key), std::move(request.match));
}

Task<Result<FoundRow>> answer(Shard& shard, RenewKeys request) {
    auto document = co_await shard.regenerate_keys(request.key, request.choice);
    if (!document) co_return fail(std::move(document).error());
    co_return row_of(shard, request.key, *std::move(document));
}

Task<Result<FoundRow>> answer(Shard& shard, WriteTwin request) {
    if (shard.is_reserved(request.key)) co_return fail(refused_as_reserved());
    auto document = co_await shard.write_twin(request.key, request.kind, std::move(request.patch),
                                              std::move(request.match));
    if (!document) co_return fail(std::move(document).error());
    co_return row_of(shard, request.key, *std::move(document));
}

Task<Result<MethodAnswer>> answer(Shard& shard, InvokeMethod request) {
    return shard.methods().invoke(std::move(request.key), std::move(request.call));
}

Task<Result<DeviceCounts>> answer(Shard& shard, CountDevices) {
    DeviceCounts counts;
    const Directory& directory = shard.directory();
    const Record* record = directory.first();
    std::size_t slice = 0;
    while (record != nullptr) {
        if (!record->key.is_module() && record->exists()) {
            const bool is_enabled = record->committed->identity.status() == DeviceStatus::enabled;
            ++(is_enabled ? counts.enabled : counts.disabled);
            if (record->link != nullptr) ++counts.connected;
        }
        if (++slice == slice_records_max) {
            slice = 0;
            const IdentityKey reached = record->key;  // The record may be gone when we come back.
            co_await boost::asio::post(shard.background(), boost::asio::use_awaitable);
            record = directory.upper_bound(reached);
        } else {
            record = directory.next(*record);
        }
    }
    co_return counts;
}

Task<Result<std::uint64_t>> answer(Shard& shard, CountRecords) {
    co_return std::uint64_t{shard.directory().size()};
}

/// A page takes about a millisecond, so it is read in one turn.
Task<Result<ExportPage>> answer(Shard& shard, ReadExportPage request) {
    ExportPage page;
    const Directory& directory = shard.directory();
    const auto begin = key_of(request.after);
    const Record* record = begin ? directory.upper_bound(*begin) : directory.first();
    std::size_t bytes = 0;
    for (; record != nullptr && page.lines.size() < ExportPage::lines_max && bytes < ExportPage::bytes_max;
         record = directory.next(*record)) {
        if (!record->exists()) continue;
        ExportPage::Line line;
        line.key = KeyList::text_of(record->key);
        append_export_line(line.text, *record->committed, request.keys);
        bytes += line.text.size();
        page.lines.push_back(std::move(line));
    }
    page.is_last = record == nullptr;
    co_return page;
}

Task<Result<std::vector<Result<>>>> answer(ShardSeat& seat, ApplyEntries request) {
    if (request.import) {
        auto importing = import_entries(&seat, std::move(request));
        co_return co_await std::move(importing);
    }
    auto applying = seat.shard.apply_entries(std::move(request.entries), Shard::ImportMark());
    co_return co_await std::move(applying);
}

Task<Result<std::vector<FoundRow>>> answer(Shard& shard, ScanRows request) {
    return scan_rows(shard, std::move(request.plan), std::move(request.after), request.rows_max);
}

Task<GatheredGroups> answer(Shard& shard, ScanGroups request) {
    return scan_groups(shard, std::move(request.plan));
}

Task<Result<std::uint64_t>> answer(Shard& shard, SendMessage request) {
    const auto record = find_existing(shard, request.key);
    if (!record) co_return fail(record.error());
    auto start = [&](CloudMessages::Queued done) {
        shard.cloud_messages().enqueue(**record, std::move(request.message), std::move(done));
    };
    co_return co_await from_callback<Result<std::uint64_t>>(start);
}

Task<Result<std::uint64_t>> answer(Shard& shard, PurgeMessages request) {
    const auto record = find_existing(shard, request.key);
    if (!record) co_return fail(record.error());
    auto start = [&](CloudMessages::Purged done) { shard.cloud_messages().purge(**record, std::move(done)); };
    const auto purged = co_await from_callback<Result<std::uint32_t>>(start);
    if (!purged) co_return fail(purged.error());
    co_return std::uint64_t{*purged};
}

Task<Result<>> answer(Shard& shard, ApplyContent request) {
    return apply_single_deployment(&shard, std::move(request.device), std::move(request.orders));
}

Task<Result<std::vector<ConfigurationCount>>> answer(ShardSeat& seat, CountConfigurations) {
    if (seat.configurations == nullptr) co_return std::vector<ConfigurationCount>();
    co_return seat.configurations->count_configurations();
}

Task<Result<std::vector<FoundRow>>> answer(Shard& shard, ReadRows request) {
    std::vector<FoundRow> rows;  // Bound: ReadRows::keys_max.
    for (const IdentityKey& key : request.keys) {
        const Record* record = shard.directory().find(key);
        if (record != nullptr && record->committed) rows.push_back(row_of(*record));
    }
    co_return rows;
}

Task<Result<>> answer(Shard& shard, EndLinks request) {
    const DeviceId& device = request.device.device;
    for (Record* record = shard.directory().find(request.device);
         record != nullptr && record->key.device == device; record = shard.directory().next(*record)) {
        if (record->link != nullptr) record->link->close(Errc::iot_hub_unauthorized_access);
    }
    co_return Result<>{};
}

Task<std::string> answer_bytes(ShardSeat& seat, std::string request) {
    StoredReader in(as_bytes(request));
    const std::uint8_t number = in.u8();
    if (!in.ok() || number >= answerers.size()) co_return refused_bytes("a request that is unknown");
    auto answering = answerers.at(number)(seat, in);
    co_return co_await std::move(answering);
}

}  // namespace carillon
