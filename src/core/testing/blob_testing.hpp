#pragma once

// Blob containers in memory, for tests; no part of the product.

#include "core/transfers/blobs.hpp"

#include <algorithm>
#include <map>
#include <string>

namespace carillon::testing {

/// Containers whose URIs begin with `mem:`. Outlives its readers and writers.
class MemoryBlobs final : public Blobs {
public:
    std::map<std::string, std::string> files;  ///< By container, a slash and the name.
    bool refuses_writes = false;
    std::string version = "1";

    Result<> check(std::string_view container) const override {
        if (container.starts_with("mem:")) return {};
        return fail(Errc::blob_container_validation_error, "no container");
    }
    Result<std::unique_ptr<BlobReader>> open(std::string_view container, std::string_view name,
                                             std::uint64_t offset) override {
        const auto found = files.find(path(container, name));
        if (found == files.end()) return fail(Errc::blob_container_validation_error, "no such blob");
        return std::make_unique<Reader>(found->second, version, offset);
    }
    Result<std::unique_ptr<BlobWriter>> create(std::string_view container, std::string_view name) override {
        if (refuses_writes) return fail(Errc::io_failed, "read-only");
        return std::make_unique<Writer>(*this, path(container, name));
    }

private:
    static std::string path(std::string_view container, std::string_view name) {
        return std::string(container) + "/" + std::string(name);
    }
    class Reader final : public BlobReader {
    public:
        Reader(std::string bytes, std::string version, std::uint64_t offset)
            : bytes_(std::move(bytes)), version_(std::move(version)), at_(offset) {}
        std::uint64_t size() const override { return bytes_.size(); }
        std::string version() const override { return version_; }
        Result<std::string> read(std::size_t bytes_max) override {
            std::string piece = bytes_.substr(static_cast<std::size_t>(at_), bytes_max);
            at_ += piece.size();
            return piece;
        }

    private:
        std::string bytes_;
        std::string version_;
        std::uint64_t at_;
    };
    class Writer final : public BlobWriter {
    public:
        Writer(MemoryBlobs& blobs, std::string path) : blobs_(blobs), path_(std::move(path)) {}
        Result<> write(std::string_view bytes) override {
            bytes_ += bytes;
            return {};
        }
        Result<> finish() override {
            blobs_.files[path_] = std::move(bytes_);
            return {};
        }

    private:
        MemoryBlobs& blobs_;
        std::string path_;
        std::string bytes_;
    };
};

}  // namespace carillon::testing
