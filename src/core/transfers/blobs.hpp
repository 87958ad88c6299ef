#pragma once

#include "base/result.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace carillon {

/// A blob being read from one position on. Blocking; one thread at a time.
class BlobReader {
public:
    virtual ~BlobReader() = default;
    virtual std::uint64_t size() const = 0;
    /// Changes when the blob does; empty where the container does not tell.
    virtual std::string version() const = 0;
    /// The next bytes, at most `bytes_max`; none at the end. Fails with `io_failed`, also if the blob
    /// was changed since it was opened.
    virtual Result<std::string> read(std::size_t bytes_max) = 0;
};

/// A blob being written. It appears whole when it is finished, or not at all. Blocking; one thread at a
/// time.
class BlobWriter {
public:
    virtual ~BlobWriter() = default;
    virtual Result<> write(std::string_view bytes) = 0;
    virtual Result<> finish() = 0;
};

/// The port to blob containers: where import and export jobs read and write. A container is named by
/// a URI, which may hold a secret and so is never logged or repeated in an error. Safe from any
/// thread.
class Blobs {
public:
    static constexpr std::size_t name_bytes_max = 1024;
    static constexpr std::size_t uri_bytes_max = 4096;

    virtual ~Blobs() = default;
    /// Looks at the URI alone. Fails with `blob_container_validation_error` if it names no container
    /// that this hub may use.
    virtual Result<> check(std::string_view container) const = 0;
    /// Opens a blob at byte `offset`, which is at most its size. Fails with
    /// `blob_container_validation_error` if it is not there or not to be read, else `io_failed`.
    virtual Result<std::unique_ptr<BlobReader>> open(std::string_view container, std::string_view name,
                                                     std::uint64_t offset) = 0;
    /// Begins a blob, in place of one of that name. Fails likewise.
    virtual Result<std::unique_ptr<BlobWriter>> create(std::string_view container, std::string_view name) = 0;
};

}  // namespace carillon
