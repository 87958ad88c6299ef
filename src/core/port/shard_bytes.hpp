#pragma once

#include "base/stored_bytes.hpp"
#include "core/port/shard_requests.hpp"

#include <memory>
#include <optional>
#include <string>

namespace carillon {

// Requests to shards, and their answers, as bytes: for shards on another node, and for the simulation. Both
// sides are nodes of one cluster, which believe each other; what is damaged is refused all the same.
// A request is its number and its fields; an answer is 0 and the value, or 1 and the error.

/// What it takes to read and write the answer to a request, beside the bytes: nothing as a rule.
struct NoContext {};
/// Of scans: what was asked says what the rows are, and the cost is added to it.
using PlanContext = std::shared_ptr<const ScanPlan>;

template <class Request>
struct ContextOf {
    using Type = NoContext;
    static Type of(const Request&) { return {}; }
};
template <>
struct ContextOf<ScanRows> {
    using Type = PlanContext;
    static Type of(const ScanRows& request) { return request.plan; }
};
template <>
struct ContextOf<ScanGroups> {
    using Type = PlanContext;
    static Type of(const ScanGroups& request) { return request.plan; }
};

void write_request(StoredWriter& out, const FindIdentity& request);
void write_request(StoredWriter& out, const ListModules& request);
void write_request(StoredWriter& out, const PutIdentity& request);
void write_request(StoredWriter& out, const RemoveIdentity& request);
void write_request(StoredWriter& out, const RenewKeys& request);
void write_request(StoredWriter& out, const WriteTwin& request);
void write_request(StoredWriter& out, const InvokeMethod& request);
void write_request(StoredWriter& out, const CountDevices& request);
void write_request(StoredWriter& out, const CountRecords& request);
void write_request(StoredWriter& out, const ReadExportPage& request);
void write_request(StoredWriter& out, const ApplyEntries& request);
void write_request(StoredWriter& out, const ScanRows& request);
void write_request(StoredWriter& out, const ScanGroups& request);
void write_request(StoredWriter& out, const SendMessage& request);
void write_request(StoredWriter& out, const PurgeMessages& request);
void write_request(StoredWriter& out, const ApplyContent& request);
void write_request(StoredWriter& out, const CountConfigurations& request);
void write_request(StoredWriter& out, const ReadRows& request);
void write_request(StoredWriter& out, const EndLinks& request);

/// Nothing if the bytes are no such request.
template <class Request>
std::optional<Request> read_request(StoredReader& in);
template <>
std::optional<FindIdentity> read_request(StoredReader& in);
template <>
std::optional<ListModules> read_request(StoredReader& in);
template <>
std::optional<PutIdentity> read_request(StoredReader& in);
template <>
std::optional<RemoveIdentity> read_request(StoredReader& in);
template <>
std::optional<RenewKeys> read_request(StoredReader& in);
template <>
std::optional<WriteTwin> read_request(StoredReader& in);
template <>
std::optional<InvokeMethod> read_request(StoredReader& in);
template <>
std::optional<CountDevices> read_request(StoredReader& in);
template <>
std::optional<CountRecords> read_request(StoredReader& in);
template <>
std::optional<ReadExportPage> read_request(StoredReader& in);
template <>
std::optional<ApplyEntries> read_request(StoredReader& in);
template <>
std::optional<ScanRows> read_request(StoredReader& in);
template <>
std::optional<ScanGroups> read_request(StoredReader& in);
template <>
std::optional<SendMessage> read_request(StoredReader& in);
template <>
std::optional<PurgeMessages> read_request(StoredReader& in);
template <>
std::optional<ApplyContent> read_request(StoredReader& in);
template <>
std::optional<CountConfigurations> read_request(StoredReader& in);
template <>
std::optional<ReadRows> read_request(StoredReader& in);
template <>
std::optional<EndLinks> read_request(StoredReader& in);

void write_answer(StoredWriter& out, NoContext, const FoundRow& answer);
void write_answer(StoredWriter& out, NoContext, const std::vector<FoundRow>& answer);
void write_answer(StoredWriter& out, NoContext, const MethodAnswer& answer);
void write_answer(StoredWriter& out, NoContext, const DeviceCounts& answer);
void write_answer(StoredWriter& out, NoContext, const std::uint64_t& answer);
void write_answer(StoredWriter& out, NoContext, const ExportPage& answer);
void write_answer(StoredWriter& out, NoContext, const std::vector<Result<>>& answer);
void write_answer(StoredWriter& out, NoContext, const std::vector<ConfigurationCount>& answer);
void write_answer(StoredWriter& out, const PlanContext& plan, const std::vector<FoundRow>& answer);
void write_answer(StoredWriter& out, const PlanContext& plan,
                  const std::unique_ptr<query::Aggregation>& answer);

/// Nothing if the bytes are no such answer.
template <class Answer, class Context>
std::optional<Answer> read_answer(StoredReader& in, const Context& context);
template <>
std::optional<FoundRow> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<std::vector<FoundRow>> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<MethodAnswer> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<DeviceCounts> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<std::uint64_t> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<ExportPage> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<std::vector<Result<>>> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<std::vector<ConfigurationCount>> read_answer(StoredReader& in, const NoContext& context);
template <>
std::optional<std::vector<FoundRow>> read_answer(StoredReader& in, const PlanContext& plan);
template <>
std::optional<std::unique_ptr<query::Aggregation>> read_answer(StoredReader& in, const PlanContext& plan);

void write_error(StoredWriter& out, const Error& error);
Error read_error(StoredReader& in);

// What all requests share.

template <class Request>
std::string encode_request(const Request& request) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(Request::number);
    write_request(out, request);
    return bytes;
}

template <class Answer, class Context>
std::string encode_answer(const Result<Answer>& answer, const Context& context) {
    std::string bytes;
    StoredWriter out(bytes);
    out.u8(answer ? 0 : 1);
    if (!answer) {
        write_error(out, answer.error());
    } else if constexpr (!std::is_void_v<Answer>) {
        write_answer(out, context, *answer);
    }
    return bytes;
}

/// Fails with `service_unavailable` for bytes that are no such answer, and with the error that they hold.
template <class Answer, class Context>
Result<Answer> decode_answer(std::string_view bytes, const Context& context) {
    StoredReader in(as_bytes(bytes));
    const std::uint8_t kind = in.u8();
    if (in.ok() && kind == 1) {
        Error error = read_error(in);
        if (in.is_done()) return fail(std::move(error));
    } else if (in.ok() && kind == 0) {
        if constexpr (std::is_void_v<Answer>) {
            if (in.is_done()) return {};
        } else {
            auto answer = read_answer<Answer>(in, context);
            if (answer && in.is_done()) return *std::move(answer);
        }
    }
    return fail(Errc::service_unavailable, "a node answered what it was not asked for");
}

}  // namespace carillon
