#include "endpoint/blob/blob_containers.hpp"

#include "endpoint/blob/container_uri.hpp"
#include "endpoint/blob/web_blobs.hpp"

namespace carillon {

BlobContainers::BlobContainers(std::string root, std::shared_ptr<const WebTrust> trust)
    : directories_(std::move(root)), trust_(std::move(trust)) {}

Result<> BlobContainers::check(std::string_view container) const {
    const auto uri = ContainerUri::parse(container);
    if (!uri) return fail(uri.error());
    if (uri->kind == ContainerUri::Kind::directory) return directories_.check(uri->path);
    return trust_->reach().check({uri->is_tls, uri->host, uri->port});
}

Result<std::unique_ptr<BlobReader>> BlobContainers::open(std::string_view container, std::string_view name,
                                                         std::uint64_t offset) {
    const auto uri = ContainerUri::parse(container);
    if (!uri) return fail(uri.error());
    if (uri->kind == ContainerUri::Kind::directory) return directories_.open(uri->path, name, offset);
    if (auto checked = check_blob_path(name); !checked) return fail(std::move(checked).error());
    return open_web_blob(*uri, name, offset, trust_, stops_);
}

Result<std::unique_ptr<BlobWriter>> BlobContainers::create(std::string_view container,
                                                           std::string_view name) {
    const auto uri = ContainerUri::parse(container);
    if (!uri) return fail(uri.error());
    if (uri->kind == ContainerUri::Kind::directory) return directories_.create(uri->path, name);
    if (auto checked = check_blob_path(name); !checked) return fail(std::move(checked).error());
    return create_web_blob(*uri, name, trust_, stops_);
}

}  // namespace carillon
