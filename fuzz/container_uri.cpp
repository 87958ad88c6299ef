// A container's URI made of arbitrary text: what is accepted stays below a root or names a server, and
// plain HTTP goes to this machine only.

#include "endpoint/blob/container_uri.hpp"

#include "base/bytes.hpp"
#include "endpoint/blob/directory_blobs.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace carillon;
    const auto uri = ContainerUri::parse(as_text({data, size}));
    if (!uri) {
        CARILLON_ASSERT(uri.error().code == Errc::blob_container_validation_error);
        return 0;
    }
    const std::string_view path = uri->path;
    if (uri->kind == ContainerUri::Kind::directory) {
        CARILLON_ASSERT(("/" + uri->path + "/").find("/../") == path.npos);
        if (path.starts_with('/')) {
            const bool is_below = path == "/r" || path.starts_with("/r/");
            CARILLON_ASSERT(is_below || !DirectoryBlobs("/r").check(path));
        }
        return 0;
    }
    CARILLON_ASSERT(!uri->host.empty() && uri->port != 0 && path.starts_with('/') && !path.ends_with('/'));
    // Each of them goes into a request's head as it is.
    for (const std::string* part : {&uri->host, &uri->path, &uri->query}) {
        CARILLON_ASSERT(part->find_first_of(std::string_view(" \r\n\0", 4)) == std::string::npos);
    }
    return 0;
}
