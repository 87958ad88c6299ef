#include "server/settings/settings_report.hpp"

#include "base/json.hpp"
#include "base/log_format.hpp"
#include "server/settings/settings.hpp"

namespace carillon {
namespace {

using Values = std::vector<std::string>;

/// A connection string of PostgreSQL may hold a password, those of other hubs hold keys, and the address of a
/// container lets one in.
bool is_secret(const Setting& setting) {
    return setting.key == "cluster.store" || setting.key == "provisioning.linked_hubs" ||
           setting.key == "files.container";
}

void append_value(JsonWriter& out, std::string_view name, const Setting& setting, const Values& values) {
    out.key(name);
    if (setting.kind == Setting::Kind::list) {
        out.begin_array();
        for (const std::string& value : values) out.value(value);
        out.end_array();
    } else if (values.empty()) {
        out.null();
    } else if (setting.kind == Setting::Kind::number) {
        out.raw(values.front());
    } else {
        out.value(values.front());
    }
}

std::string_view source_text(const SettingOrigin* origin) {
    using Kind = SettingOrigin::Kind;
    if (origin == nullptr) return "default";
    switch (origin->kind) {
        case Kind::file:
            return "file";
        case Kind::environment:
            return "environment";
        case Kind::command_line:
            return "commandLine";
        case Kind::strict_mode:
            break;
    }
    return "strictMode";
}

}  // namespace

void SettingsReport::begin(const ServerConfig& config, Chosen chosen) {
    const std::lock_guard lock(mutex_);
    config_ = next_ = config;
    chosen_ = std::move(chosen);
}

void SettingsReport::reloaded(const ServerConfig& config, const ServerConfig& next) {
    const std::lock_guard lock(mutex_);
    config_ = config;
    next_ = next;
}

std::string SettingsReport::json() const {
    const std::lock_guard lock(mutex_);
    const ServerConfig defaults;
    std::string body;
    JsonWriter out(body);
    out.begin_object().key("settings").begin_array();
    for (const Setting& setting : all_settings()) {
        const std::string key(setting.key);
        const auto origin = config_.origins.find(key);
        out.begin_object().member("key", setting.key);
        out.member("source", source_text(origin == config_.origins.end() ? nullptr : &origin->second));
        if (origin != config_.origins.end() && !origin->second.place.empty()) {
            out.member("place", origin->second.place);
        }
        out.member("takesEffect", takes_effect_at_once(setting) ? "reload" : "restart");
        const Values now = setting.read(config_);
        const bool is_hidden = is_secret(setting) && !now.empty();
        append_value(out, "value", setting, is_hidden ? Values() : now);
        if (is_hidden) out.member("isHidden", true);
        append_value(out, "default", setting, setting.read(defaults));
        if (setting.key == "log_level" || setting.key == "log_format") {
            const bool is_json = log_format() == LogFormat::json;
            const Values used{setting.key == "log_level" ? std::string(log_level_text(log_level()))
                              : is_json                  ? "json"
                                                         : "text"};
            if (used != now) append_value(out, "inForce", setting, used);
        } else if (const auto chosen = chosen_.find(key); chosen != chosen_.end() && chosen->second != now) {
            append_value(out, "inForce", setting, chosen->second);
        }
        const Values next = setting.read(next_);
        if (next != now) append_value(out, "nextStart", setting, is_hidden ? Values() : next);
        out.end_object();
    }
    out.end_array().end_object();
    return body;
}

}  // namespace carillon
