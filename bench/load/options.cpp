#include "load/options.hpp"

#include "base/text.hpp"

namespace carillon::load {

Result<Options> Options::parse(int argc, char** argv) {
    Options options;
    if (argc < 2) return fail(Errc::config_invalid, "no mode given");
    options.mode_ = argv[1];
    for (int i = 2; i < argc; i += 2) {
        const std::string name = argv[i];
        if (!name.starts_with("--") || i + 1 >= argc) {
            return fail(Errc::config_invalid, "expected --name value at " + name);
        }
        options.values_[name.substr(2)] = argv[i + 1];
    }
    return options;
}

std::string Options::text(const std::string& name, const std::string& otherwise) {
    asked_.insert(name);
    const auto found = values_.find(name);
    return found == values_.end() ? otherwise : found->second;
}

std::uint64_t Options::number(const std::string& name, std::uint64_t otherwise) {
    const std::string given = text(name, std::to_string(otherwise));
    const auto value = parse_u64(given);
    if (!value) bad_ = "--" + name + " wants a number";
    return value.value_or(otherwise);
}

Result<Target> Options::target() {
    Target target;
    const std::uint32_t address = parse_address(text("address", "127.0.0.1"));
    target.mqtts = {address, static_cast<std::uint16_t>(number("mqtts-port", 8883))};
    target.amqps = {address, static_cast<std::uint16_t>(number("amqps-port", 5671))};
    if (const auto port = number("plain-mqtt-port", 0); port > 0) {
        target.mqtts = {.port = static_cast<std::uint16_t>(port), .is_plain = true};
    }
    if (target.second_percent = number("second-percent", 0); target.second_percent > 0) {
        target.second_address = parse_address(text("second-address"));
        if (target.second_address == 0) return fail(Errc::config_invalid, "--second-address wants a.b.c.d");
    }
    target.https = {address, static_cast<std::uint16_t>(number("https-port", 443))};
    const std::string connection_string = text("connection-string");
    if (!connection_string.empty()) {
        auto parsed = sas::parse_connection_string(connection_string);
        if (!parsed) return fail(std::move(parsed).error());
        target.policy = *std::move(parsed);
        target.host_name = target.policy.host_name;
    }
    if (address == 0) return fail(Errc::config_invalid, "--address wants a.b.c.d");
    return target;
}

Result<> Options::check() const {
    if (!bad_.empty()) return fail(Errc::config_invalid, bad_);
    for (const auto& [name, value] : values_) {
        if (!asked_.contains(name)) return fail(Errc::config_invalid, "unknown option --" + name);
    }
    return {};
}

}  // namespace carillon::load
