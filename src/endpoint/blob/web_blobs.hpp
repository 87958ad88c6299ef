#pragma once

#include "core/transfers/blobs.hpp"
#include "endpoint/blob/container_uri.hpp"
#include "endpoint/blob/web_client.hpp"

#include <atomic>
#include <memory>
#include <string_view>

namespace carillon {

/// Sizes and patience towards blob containers on the web.
struct WebBlobLimits {
    static constexpr std::size_t block_bytes_max = 4 * 1024 * 1024;  ///< Of a blob at a time.
    static constexpr std::size_t blocks_max = 50'000;                ///< Of a block blob.
    static constexpr int attempts_max = 4;  ///< Of a request that meets trouble which may pass.
    static constexpr std::chrono::milliseconds first_pause{500};  ///< Doubled after each.
};

/// Opens a blob of a container that a URI with a shared access signature names. It is read in pieces,
/// each on the condition that the blob is still the one that was opened.
/// Source: Azure Storage docs, "Get Blob", "Get Blob Properties".
Result<std::unique_ptr<BlobReader>> open_web_blob(const ContainerUri& container, std::string_view name,
                                                  std::uint64_t offset, std::shared_ptr<const WebTrust> trust,
                                                  const std::atomic<bool>& stops);
/// Begins a block blob: a small one is put at once, a large one block by block, and appears when its
/// list of blocks is put. Source: Azure Storage docs, "Put Blob", "Put Block", "Put Block List".
Result<std::unique_ptr<BlobWriter>> create_web_blob(const ContainerUri& container, std::string_view name,
                                                    std::shared_ptr<const WebTrust> trust,
                                                    const std::atomic<bool>& stops);

}  // namespace carillon
