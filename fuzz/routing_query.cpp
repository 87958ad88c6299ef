// Any bytes as a route's condition and as a value put beside a message; what parses is evaluated on fixed
// messages. Text behind a zero byte is the body of one more message.

#include "base/json.hpp"
#include "query/message_condition.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace carillon {
namespace {

constexpr WallTime fixed_time = WallTime::from_unix_s(1'790'000'000);

Message make_message(std::string_view content_type, std::string_view body) {
    Message made;
    made.device_id = "device-1";
    made.module_id = "module-1";
    made.enqueued = fixed_time;
    made.system = {{"content-type", std::string(content_type)},
                   {"content-encoding", "utf-8"},
                   {"message-id", "m-1"},
                   {"dt-subject", "part"}};
    made.properties = {{"level", "7"}, {"a.b", "dotted"}, {"none", std::nullopt}, {"$own", "x"}};
    made.body = body;
    return made;
}

struct Fixed {
    Message json =
        make_message("application/json", R"({"a":{"b":[1,{"c":"x"},[2,3]],"t":50.5},"on":true,"n":null})");
    Message text = make_message("text/plain", "hello");
    Document twin;

    Fixed() {
        const auto key = *IdentityKey::parse("device-1");
        twin.identity = PackedIdentity(Identity(key));
        const auto body = JsonDocument::parse(
            R"({"tags":{"floor":1,"b":{"list":[1,"a"]}},"properties":{"desired":{"rate":2.5,"on":true}}})");
        const auto patch = TwinPatch::parse(body->root(), key);
        CARILLON_ASSERT(patch.has_value());
        twin.twin = patch_twin(Twin::fresh(fixed_time), *patch, fixed_time)->twin;
    }
};

void evaluate(const query::MessageCondition& condition, const Message& message, const Document& twin) {
    query::Meter meter;
    const bool without = condition.keeps(message, nullptr, meter);
    const bool with = condition.keeps(message, &twin, meter);
    // What does not name the twin does not depend on it.
    if (!condition.reads_twin()) CARILLON_ASSERT(with == without);
}

void run(std::string_view input, const Fixed& fixed) {
    const std::size_t zero = input.find('\0');
    const std::string_view text = input.substr(0, zero);
    if (const auto condition = query::MessageCondition::parse(text)) {
        evaluate(*condition, fixed.json, fixed.twin);
        evaluate(*condition, fixed.text, fixed.twin);
        if (zero != std::string_view::npos) {
            evaluate(*condition, make_message("application/json", input.substr(zero + 1)), fixed.twin);
        }
    }
    if (const auto value = query::MessageValue::parse(text)) {
        const auto without = value->text(nullptr);
        // A text stands for itself; a path has no value without a twin.
        CARILLON_ASSERT(without.has_value() != value->reads_twin());
        static_cast<void>(value->text(&fixed.twin));
    }
}

}  // namespace
}  // namespace carillon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const carillon::Fixed fixed;
    carillon::run({reinterpret_cast<const char*>(data), size}, fixed);
    return 0;
}
