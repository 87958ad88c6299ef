#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// What the flags of `carillon job create` say.
struct JobOrder {
    std::string id;
    std::string type;       ///< Empty: what the other flags imply.
    std::string condition;  ///< `--query-condition`
    std::vector<std::string> devices;
    std::string method_name;
    std::string method_payload;  ///< JSON text or empty.
    std::optional<int> response_timeout_s;
    std::optional<int> connect_timeout_s;
    std::string twin_patch;  ///< JSON text or empty.
    std::string start;       ///< ISO 8601, `+90s`, `+15m`, `+2h`, `+1d`, or empty for now.
    std::optional<int> execution_time_max_s;
    std::string rollout;         ///< The object as JSON, or empty: all devices at once.
    bool has_other_job = false;  ///< The rollout names the devices of another job.
};

/// The body of `PUT /jobs/v2/ID` for an order. Fails with `config_invalid`, saying which flag
/// misses or contradicts another.
/// Source: IoT Hub docs, "Schedule jobs on multiple devices"; Azure CLI docs, "az iot hub job create".
Result<std::string> job_request_json(const JobOrder& order, WallTime now);

/// A start as the service takes it. Fails with `config_invalid`.
Result<std::string> start_time_text(std::string_view start, WallTime now);

/// The job type of an order. Fails with `config_invalid`, if the flags name none or two.
Result<std::string> job_type_of(const JobOrder& order);

/// The order that calls or writes again what `job_json`, the answer of `ServiceClient::find_job`, did: its
/// method or patch and its rollout, without its devices. Fails with `malformed_packet`.
Result<JobOrder> order_again(std::string_view job_json);

/// `deviceId IN ['a','b']`, with quotes in ids escaped.
std::string condition_for(const std::vector<std::string>& devices);
/// A string literal of the query language.
std::string query_literal(std::string_view text);

}  // namespace carillon
