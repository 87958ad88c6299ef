#include "files/upload_plan.hpp"

#include "base/json.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <string>

namespace carillon {

Result<UploadAddress> parse_upload_address(std::string_view answer) {
    const auto document = JsonDocument::parse(answer);
    if (!document) return fail(Errc::malformed_packet, "the answer to the order of an upload is not JSON");
    const JsonValue root = document->root();
    UploadAddress address;
    address.correlation_id = root.find("correlationId").string();
    const std::string_view host = root.find("hostName").string();
    const std::size_t colon = host.find(':');
    address.host = host.substr(0, colon);
    if (colon != std::string_view::npos) {
        const auto port = parse_u64(host.substr(colon + 1));
        if (!port || *port == 0 || *port > UINT16_MAX)
            return fail(Errc::malformed_packet, "hostName has no valid port");
        address.port = static_cast<std::uint16_t>(*port);
    }
    const std::string_view container = root.find("containerName").string();
    const std::string_view token = root.find("sasToken").string();
    address.target = "/" + percent_encode(container);
    for (const std::string_view part : split(root.find("blobName").string(), '/')) {
        address.target += "/" + percent_encode(part);
    }
    address.target += token;
    if (address.correlation_id.empty() || host.empty() || container.empty() || !token.starts_with('?')) {
        return fail(Errc::malformed_packet, "the answer to the order of an upload names no address");
    }
    return address;
}

std::string block_id(std::size_t number) {
    constexpr std::size_t block_digits = 8;
    std::string digits = std::to_string(number);
    digits.insert(0, block_digits - std::min(block_digits, digits.size()), '0');
    return base64_encode(digits);
}

std::string block_list_xml(std::size_t count) {
    std::string xml = R"(<?xml version="1.0" encoding="utf-8"?><BlockList>)";
    for (std::size_t number = 0; number < count; ++number) xml += "<Latest>" + block_id(number) + "</Latest>";
    return xml + "</BlockList>";
}

}  // namespace carillon
