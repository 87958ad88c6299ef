#pragma once

#include "base/result.hpp"
#include "load/hub.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace carillon::load {

/// The tool's command line: a mode, then `--name value` pairs.
class Options {
public:
    /// Fails with `config_invalid` on anything that is not `--name value`.
    static Result<Options> parse(int argc, char** argv);

    const std::string& mode() const { return mode_; }
    std::string text(const std::string& name, const std::string& otherwise = "");
    std::uint64_t number(const std::string& name, std::uint64_t otherwise);
    /// The server: `--address`, `--mqtts-port`, `--https-port`, and for a hub `--connection-string`;
    /// by `--plain-mqtt-port` devices connect to 127.0.0.1 without TLS.
    Result<Target> target();
    /// Fails with `config_invalid` if an option was given that nobody asked for.
    Result<> check() const;

private:
    std::string mode_;
    std::map<std::string, std::string> values_;
    std::set<std::string> asked_;
    std::string bad_;
};

}  // namespace carillon::load
