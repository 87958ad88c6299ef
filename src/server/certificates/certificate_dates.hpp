#pragma once

#include "base/clock.hpp"
#include "base/result.hpp"
#include "server/certificates/certificates.hpp"

#include <mutex>
#include <string>
#include <vector>

namespace carillon {

/// When a PEM file's first certificate ends. Fails with `tls_failed`, naming the file.
Result<WallTime> certificate_end(const std::string& file);

/// When the certificates that the hub serves end. Any thread.
class CertificateDates {
public:
    struct Date {
        std::string file;  ///< Its name without the folder.
        WallTime end;
    };
    /// Those in use from here on; a file that cannot be read is passed over.
    void note(const HubCertificates& certificates);
    std::vector<Date> all() const;

private:
    mutable std::mutex mutex_;  ///< Guards `dates_`.
    std::vector<Date> dates_;   ///< Bound: fixed.
};

}  // namespace carillon
