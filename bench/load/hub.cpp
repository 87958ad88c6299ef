#include "load/hub.hpp"

#include "base/json.hpp"
#include "base/text.hpp"
#include "wire/sas/sas_token.hpp"

#include <chrono>
#include <functional>

namespace carillon::load {
namespace {

constexpr std::int64_t token_life_s = 24 * 3600;
constexpr std::uint64_t connections_per_source = 5000;
constexpr std::uint32_t first_source = 0x7F090001;  // 127.9.0.1
constexpr std::size_t requests_in_flight = 256;

WallTime token_end() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return WallTime::from_unix_s(std::chrono::duration_cast<std::chrono::seconds>(now).count() +
                                 token_life_s);
}

/// A twin's service part whose JSON takes about `bytes` bytes: a few tags and desired properties as
/// fleets have them, and one long one.
std::string twin_body(std::uint64_t number, std::size_t bytes) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().key("tags").begin_object();
    json.member("building", std::to_string(number % 100)).member("floor", static_cast<int>(number % 7));
    json.key("location").begin_object().member("region", number % 2 == 0 ? "north" : "south");
    json.member("plant", "plant-" + std::to_string(number % 13)).end_object().end_object();
    json.key("properties").begin_object().key("desired").begin_object();
    json.member("interval", 30).member("firmware", "1.4." + std::to_string(number % 9));
    const std::size_t filled = out.size() + 30;
    json.member("calibration", std::string(bytes > filled ? bytes - filled : 1, 'c'));
    json.end_object().end_object().end_object();
    return out;
}

}  // namespace

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

std::uint64_t register_devices(Loop& loop, HttpPool& pool, std::uint64_t first, std::uint64_t count,
                               std::size_t twin_bytes) {
    std::uint64_t next = first;
    std::uint64_t ended = 0;
    std::uint64_t failed = 0;
    std::function<void()> begin_next;
    const auto finish = [&](bool is_good) {
        failed += is_good ? 0 : 1;
        if (++ended == count) loop.stop();
        begin_next();
    };
    begin_next = [&] {
        if (next == first + count) return;
        const std::uint64_t number = next++;
        const std::string id = device_id(number);
        const std::string key = device_key(id);
        std::string body;
        JsonWriter json(body);
        json.begin_object().member("deviceId", id).member("status", "enabled");
        json.key("authentication").begin_object().member("type", "sas").key("symmetricKey").begin_object();
        json.member("primaryKey", key).member("secondaryKey", key).end_object().end_object().end_object();
        pool.call({"PUT", target_of("/devices/" + id), body, ""}, [&, number, id](const HttpAnswer& put) {
            const bool is_there = put.status == 200 || put.status == 409;
            if (!is_there || twin_bytes == 0) return finish(is_there);
            HttpRequest patch{"PATCH", target_of("/twins/" + id), twin_body(number, twin_bytes), ""};
            pool.call(std::move(patch), [&](const HttpAnswer& patched) { finish(patched.status == 200); });
        });
    };
    for (std::size_t i = 0; i < requests_in_flight; ++i) begin_next();
    while (ended < count) loop.run();
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

}  // namespace carillon::load
