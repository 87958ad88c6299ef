// A token that was made of arbitrary text: what is accepted has the parts it must have, and the tests
// of scope agree with each other.

#include "wire/sas/sas_token.hpp"
#include "base/bytes.hpp"
#include "base/result.hpp"

#include <array>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    static const std::vector<std::string> hosts{"hub.example.net", "localhost"};
    constexpr std::string_view key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const auto token = sas::parse_token(as_text({data, size}));
    if (!token) {
        CARILLON_ASSERT(token.error().code == Errc::iot_hub_unauthorized_access);
        return 0;
    }
    CARILLON_ASSERT(token->signature.size() == 32 && !token->resource.empty() && !token->expiry.empty());
    CARILLON_ASSERT(
        sas::is_expired(*token, WallTime::from_unix_s(sas::expiry_unix_s_max).plus_s(sas::clock_skew_s + 1)));
    CARILLON_ASSERT(!sas::is_expired(*token, WallTime::from_unix_s(0)));

    constexpr std::array<std::string_view, 4> path{"devices", "d1", "modules", "m1"};
    constexpr std::array<std::size_t, 2> ids{1, 3};
    const std::span<const std::string_view> whole(path);
    // A token that covers a folder covers all within it.
    for (std::size_t length = 0; length < whole.size(); ++length) {
        if (!sas::covers(*token, hosts, whole.first(length), ids)) continue;
        CARILLON_ASSERT(sas::covers(*token, hosts, whole.first(length + 1), ids));
    }
    // What covers a device covers its modules; what covers two devices covers them all.
    const bool covers_device = sas::covers_identity(*token, hosts, "d1", "");
    CARILLON_ASSERT(!covers_device || sas::covers_identity(*token, hosts, "d1", "m1"));
    const bool covers_both = covers_device && sas::covers_identity(*token, hosts, "d2", "");
    CARILLON_ASSERT(covers_both == sas::covers(*token, hosts, whole.first(1), ids));

    // With the right signature, and only so, the same token is believed.
    if (sas::is_signed_by(*token, key)) {
        sas::Token forged = *token;
        forged.resource += "x";
        CARILLON_ASSERT(!sas::is_signed_by(forged, key));
    }
    return 0;
}
