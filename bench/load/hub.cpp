#include "load/hub.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "wire/sas/sas_token.hpp"

#include <algorithm>
#include <chrono>
#include <functional>

namespace carillon::load {
namespace {

constexpr std::int64_t token_life_s = 24 * 3600;
constexpr std::uint64_t connections_per_source = 5000;
constexpr std::uint32_t first_source = 0x7F090001;  // 127.9.0.1
constexpr std::size_t bulk_requests_in_flight = 16;
constexpr std::uint64_t bulk_devices_max = 100;

WallTime token_end() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return WallTime::from_unix_s(std::chrono::duration_cast<std::chrono::seconds>(now).count() +
                                 token_life_s);
}

void add_device(JsonWriter& json, std::uint64_t number, const Registration& wanted) {
    const std::string id = device_id(number);
    const std::string key = device_key(id);
    json.begin_object().member("id", id).member("importMode", "createOrUpdate").member("status", "enabled");
    json.key("authentication").begin_object().member("type", "sas").key("symmetricKey").begin_object();
    json.member("primaryKey", key).member("secondaryKey", key).end_object().end_object();
    if (wanted.twin_bytes != 0) add_twin(json, number, wanted.twin_bytes, wanted.has_serial);
    json.end_object();
}

}  // namespace

void add_twin(JsonWriter& json, std::uint64_t number, std::size_t bytes, bool has_serial) {
    constexpr std::size_t other_bytes = 170;
    json.key("tags").begin_object();
    json.member("building", std::to_string(number % 100)).member("floor", static_cast<int>(number % 7));
    json.key("location").begin_object().member("region", number % 2 == 0 ? "north" : "south");
    json.member("plant", "plant-" + std::to_string(number % 13)).end_object().end_object();
    json.key("properties").begin_object().key("desired").begin_object();
    json.member("interval", 30).member("firmware", "1.4." + std::to_string(number % 9));
    if (has_serial) json.member("serial", std::to_string(number));
    json.member("calibration", std::string(bytes > other_bytes ? bytes - other_bytes : 1, 'c'));
    json.end_object().end_object();
}

std::string device_id(std::uint64_t number) {
    const std::string digits = std::to_string(number);
    return "load-" + std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
}

std::string device_key(std::string_view id) {
    return base64_encode(hmac_sha256("carillon load", id));
}

MqttOptions device_options(const Target& target, const std::string& id) {
    MqttOptions options;
    options.client_id = id;
    options.user_name = target.host_name + "/" + id + "/?api-version=2021-04-12";
    options.password = sas::make_token(target.host_name + "/devices/" + id, device_key(id), token_end());
    return options;
}

std::uint32_t source_address(std::uint64_t number) {
    return first_source + static_cast<std::uint32_t>(number / connections_per_source);
}

std::string target_of(std::string_view path) {
    return std::string(path) + "?api-version=2021-04-12";
}

std::string authorization(const Target& target) {
    if (!target.is_hub()) return {};
    return sas::make_token(target.host_name, target.policy.key, token_end(), target.policy.key_name);
}

std::uint64_t register_devices(Loop& loop, HttpPool& pool, const Registration& wanted) {
    // Coprime to every number of devices below it, so that each has its turn once.
    constexpr std::uint64_t stride = 2'654'435'761;
    std::uint64_t next = 0;
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    std::function<void()> begin_next;
    begin_next = [&] {
        if (next == wanted.devices) return;
        const std::uint64_t count = std::min<std::uint64_t>(wanted.devices - next, bulk_devices_max);
        std::string body;
        JsonWriter json(body);
        json.begin_array();
        for (std::uint64_t i = 0; i < count; ++i, ++next) {
            const std::uint64_t number = wanted.is_shuffled ? next * stride % wanted.devices : next;
            add_device(json, wanted.first + number, wanted);
        }
        json.end_array();
        pool.call({"POST", target_of("/devices"), std::move(body), ""}, [&, count](const HttpAnswer& answer) {
            if (answer.status != 200) failed += count;
            ended += count;
            if (ended == wanted.devices) loop.stop();
            begin_next();
        });
    };
    for (std::size_t i = 0; i < bulk_requests_in_flight; ++i) begin_next();
    while (ended < wanted.devices) loop.run();
    return failed;
}

JobLook parse_job(std::string_view body) {
    JobLook look;
    const auto document = JsonDocument::parse(body);
    if (!document) return look;
    const JsonValue root = document->root();
    look.status = std::string(root.find("status").string());
    const JsonValue counts = root.find("deviceJobStatistics");
    const auto count = [&](std::string_view name) { return counts.find(name).integer().value_or(0); };
    look.device = count("deviceCount");
    look.pending = count("pendingCount");
    look.running = count("runningCount");
    look.succeeded = count("succeededCount");
    look.failed = count("failedCount");
    look.canceled = count("canceledCount");
    return look;
}

std::string method_job(std::string_view condition, std::string_view method, std::string_view payload,
                       int max_execution_s) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("type", "scheduleDeviceMethod").member("queryCondition", condition);
    json.key("cloudToDeviceMethod")
        .begin_object()
        .member("methodName", method)
        .member_raw("payload", payload);
    json.end_object().member("maxExecutionTimeInSeconds", max_execution_s).end_object();
    return out;
}

std::string twin_job(std::string_view condition, std::string_view desired) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("type", "scheduleUpdateTwin").member("queryCondition", condition);
    json.key("updateTwin").begin_object().member("etag", "*").key("properties").begin_object();
    json.member_raw("desired", desired).end_object().end_object().end_object();
    return out;
}

std::string with_rollout(std::string job, std::string_view rollout) {
    if (rollout.empty()) return job;
    job.pop_back();  // The brace that ends it.
    return job.append(R"(,"rollout":)").append(rollout).append("}");
}

}  // namespace carillon::load
