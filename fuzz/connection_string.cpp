// A connection string that is accepted is written and read back as the same.

#include "wire/sas/connection_string.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    const auto parts = sas::parse_connection_string(as_text({data, size}));
    if (!parts) {
        CARILLON_ASSERT(parts.error().code == Errc::argument_invalid);
        return 0;
    }
    CARILLON_ASSERT(!parts->host_name.empty());
    CARILLON_ASSERT(!parts->key.empty() + !parts->signature.empty() + parts->x509 == 1);
    CARILLON_ASSERT(!parts->device_id.empty() || !parts->key_name.empty() || !parts->signature.empty());
    const std::string text = sas::to_text(*parts);
    const auto again = sas::parse_connection_string(text);
    CARILLON_ASSERT(again && sas::to_text(*again) == text);
    return 0;
}
