#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace carillon {

/// Where a hub lets a device upload a file.
struct UploadAddress {
    std::string correlation_id;
    std::string host;  ///< Without its port.
    std::uint16_t port = 443;
    std::string target;  ///< Path and signature.
};
/// Reads the hub's answer to the order of an upload. Fails with `malformed_packet`.
Result<UploadAddress> parse_upload_address(std::string_view answer);

/// The ids of blocks, which must be of one length, in base64. Source: Azure Storage docs, "Put Block".
std::string block_id(std::size_t number);
/// The body of a Put Block List of the first `count` blocks.
std::string block_list_xml(std::size_t count);

}  // namespace carillon
