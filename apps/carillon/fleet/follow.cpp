#include "fleet/follow.hpp"

namespace carillon::fleet {
namespace {

/// What a device with a fault reports in place of a value; no back end asks for it.
constexpr std::string_view wrong_value = "\"wrong\"";

struct Follower {
    JsonWriter json;
    std::int64_t version = 0;
    Following how = Following::rightly;
    bool acknowledges = false;

    void leaf(const JsonValue& value) {
        if (value.kind() == JsonKind::null) {
            json.raw(how == Following::wrongly ? wrong_value : "null");
        } else if (acknowledges) {
            json.begin_object().member_raw("value", value.raw());
            json.member("ac", how == Following::wrongly ? 500 : 200).member("av", version);
            json.member("ad", how == Following::wrongly ? "simulated fault" : "").end_object();
        } else {
            json.raw(how == Following::wrongly ? wrong_value : value.raw());
        }
    }
    void members(const JsonValue& object) {
        json.begin_object();
        for (auto member = object.first(); member.exists(); member = member.next()) {
            if (member.key().starts_with('$')) continue;
            json.key(member.key());
            if (member.is_object()) {
                members(member);
            } else {
                leaf(member);
            }
        }
        json.end_object();
    }
};

}  // namespace

std::string following_json(const JsonValue& desired, std::int64_t version, Following how, bool acknowledges) {
    std::string text;
    if (how == Following::never || !desired.is_object()) return text;
    Follower follower{.json = JsonWriter(text), .version = version, .how = how, .acknowledges = acknowledges};
    follower.members(desired);
    return text == "{}" ? std::string() : text;
}

}  // namespace carillon::fleet
