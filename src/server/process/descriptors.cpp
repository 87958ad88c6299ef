#include "server/process/descriptors.hpp"

#include "store/rocks_store.hpp"

#include <sys/resource.h>
#include <algorithm>

namespace carillon {

DescriptorShares share_descriptors(std::size_t descriptors, std::size_t wanted) {
    const std::size_t reserved = std::min(DescriptorShares::reserved_max, descriptors / 2);
    const std::size_t store_files =
        std::min(static_cast<std::size_t>(RocksOptions().open_files_max), reserved / 2);
    const std::size_t most = descriptors - reserved;
    return {.connections = wanted == 0 ? most : std::min(wanted, most),
            .store_files = reserved == DescriptorShares::reserved_max ? RocksOptions().open_files_max
                                                                      : static_cast<int>(store_files)};
}

std::size_t descriptors_of_process() {
    rlimit limit{};
    // What cannot be asked for is taken to be what every Linux gives.
    constexpr std::size_t usual = 1024;
    return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur) : usual;
}

}  // namespace carillon
