#pragma once

#include "endpoint/rest/http/http_message.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace carillon::rest {

/// A reverse proxy that knows who is in front of it, and says so in a field of each request. Whoever it names
/// may sign in to the dashboard by one policy. Ours.
struct ProxyTrust {
    /// Of a person's name, which is only told and logged.
    static constexpr std::size_t name_bytes_max = 256;

    std::string header;                  ///< Empty: nobody is trusted.
    std::vector<std::string> addresses;  ///< Of the proxies. Bound: fixed
    std::string policy = "iothubowner";

    /// The person that a request of `peer` (`address:port`) is for: nothing unless it comes from a proxy,
    /// with exactly one such field that holds a name of printable ASCII.
    std::optional<std::string_view> find_person(const HttpRequest& request, std::string_view peer) const;
};

}  // namespace carillon::rest
