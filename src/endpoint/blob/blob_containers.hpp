#pragma once

#include "core/transfers/blobs.hpp"
#include "endpoint/blob/directory_blobs.hpp"
#include "endpoint/blob/web_client.hpp"

#include <atomic>
#include <memory>
#include <string>

namespace carillon {

/// Every blob container that a URI can name: directories below a root, and containers on the web.
class BlobContainers final : public Blobs {
public:
    /// `root` is an absolute path; `trust` is for servers on the web.
    BlobContainers(std::string root, std::shared_ptr<const WebTrust> trust);

    Result<> check(std::string_view container) const override;
    Result<std::unique_ptr<BlobReader>> open(std::string_view container, std::string_view name,
                                             std::uint64_t offset) override;
    Result<std::unique_ptr<BlobWriter>> create(std::string_view container, std::string_view name) override;

    /// Ends what waits for a server, at once and from now on.
    void stop() { stops_ = true; }

private:
    DirectoryBlobs directories_;
    std::shared_ptr<const WebTrust> trust_;
    std::atomic<bool> stops_{false};
};

}  // namespace carillon
