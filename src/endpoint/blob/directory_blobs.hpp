#pragma once

#include "core/transfers/blobs.hpp"

#include <string>
#include <string_view>

namespace carillon {

/// Blob containers that are directories below one root. Nothing outside the root can be reached: paths
/// are walked part by part from it, and symbolic links below it are not followed.
/// Safe from any thread.
class DirectoryBlobs {
public:
    /// `root` need not be there until something is written; it is then made, for the owner only.
    explicit DirectoryBlobs(std::string root);

    const std::string& root() const { return root_; }

    /// `directory` is relative to the root, or absolute and below it. Fails with
    /// `blob_container_validation_error`.
    Result<> check(std::string_view directory) const;
    /// As `Blobs::open` and `Blobs::create`; `create` also makes the directory. A blob being written is
    /// beside its place, under its name and `.part`, until it is finished.
    Result<std::unique_ptr<BlobReader>> open(std::string_view directory, std::string_view name,
                                             std::uint64_t offset) const;
    Result<std::unique_ptr<BlobWriter>> create(std::string_view directory, std::string_view name) const;

private:
    /// The parts of a path below the root, or why it is none.
    Result<std::string> below_root(std::string_view directory, std::string_view name) const;

    std::string root_;  ///< Bound: fixed.
};

}  // namespace carillon
