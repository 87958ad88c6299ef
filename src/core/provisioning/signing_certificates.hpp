#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct x509_store_st;

namespace carillon {

/// Certificates that a device may show of its chain. Source: DPS docs, "X.509 certificate attestation"; ours
/// is the number, which every verification is bounded by.
inline constexpr std::size_t chain_certificates_max = 10;

/// The certificates of authorities that groups were enrolled with, and whose they are. Filled once, then only
/// read, by any thread.
class SigningCertificates {
public:
    SigningCertificates();

    /// `der_base64` is one of `group`; what does not parse is left out. Of two groups with one certificate
    /// the first counts.
    void add(std::string_view der_base64, const std::string& group);

    /// The group whose certificate is the nearest above the first of `chain`, which are DER and lead upwards
    /// from the device's own: the signatures between, the times and the uses must be right. Fails with
    /// `iot_hub_unauthorized_access`, with a detail for the log only.
    /// Source: RFC 5280 §6; DPS docs, "X.509 certificate attestation": the first that is enrolled decides.
    Result<std::string> find_group(const std::vector<std::string>& chain, WallTime now) const;

private:
    struct StoreFree {
        void operator()(x509_store_st* store) const;
    };
    struct Anchor {
        std::string der;
        std::string group;
    };

    std::unique_ptr<x509_store_st, StoreFree> store_;
    std::vector<Anchor> anchors_;  ///< Bound: EnrollmentLimits::groups_max, twice.
};

}  // namespace carillon
