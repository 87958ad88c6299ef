#include "server/process/process_metrics.hpp"

#include "server/process/descriptors.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <optional>

// The program is linked with jemalloc, except where a sanitizer has an allocator of its own.
extern "C" [[gnu::weak]] int mallctl(const char* name, void* old_value, std::size_t* old_size, void* new_value,
                                     std::size_t new_size);

namespace carillon {
namespace {

double seconds(const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

std::uint64_t descriptors_open() {
    // Linux says how many there are since 6.2; before, they are counted, one of them being what lists them.
    struct stat folder {};
    if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) {
        return static_cast<std::uint64_t>(folder.st_size);
    }
    std::uint64_t count = 0;
    std::error_code error;
    for (std::filesystem::directory_iterator at("/proc/self/fd", error), end; !error && at != end;
         at.increment(error)) {
        ++count;
    }
    return count > 0 ? count - 1 : 0;
}

struct Memory {
    std::uint64_t resident_bytes = 0;
    std::uint64_t shared_bytes = 0;  ///< Those of files among them.
};

/// Zeros if it cannot be read. Source: proc(5), statm.
Memory memory_of_process() {
    unsigned long all = 0;
    unsigned long resident = 0;
    unsigned long shared = 0;
    if (std::FILE* file = std::fopen("/proc/self/statm", "r")) {
        if (std::fscanf(file, "%lu %lu %lu", &all, &resident, &shared) != 3) resident = shared = 0;
        std::fclose(file);
    }
    const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    return {resident * page_bytes, std::min(shared, resident) * page_bytes};
}

/// What the program has asked the allocator for and not given back; none without jemalloc.
std::optional<std::uint64_t> allocated_bytes() {
    if (mallctl == nullptr) return std::nullopt;
    std::uint64_t epoch = 1;  // Figures are of the moment at which this is written.
    if (mallctl("epoch", nullptr, nullptr, &epoch, sizeof epoch) != 0) return std::nullopt;
    std::size_t bytes = 0;
    std::size_t size = sizeof bytes;
    if (mallctl("stats.allocated", &bytes, &size, nullptr, 0) != 0) return std::nullopt;
    return bytes;
}

}  // namespace

std::uint64_t resident_bytes() { return memory_of_process().resident_bytes; }

std::uint64_t anonymous_bytes() {
    const Memory memory = memory_of_process();
    return memory.resident_bytes - memory.shared_bytes;
}

void write_process(MetricsText& page, WallTime started) {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    page.counter("process_cpu_seconds", "Processor time of the process.")
        .sample(seconds(usage.ru_utime) + seconds(usage.ru_stime));
    page.gauge("process_resident_memory_bytes", "Memory that the process has.").sample(resident_bytes());
    if (const auto bytes = allocated_bytes()) {
        page.gauge("carillon_allocated_memory_bytes", "Memory that is asked of the allocator and not given back.")
            .sample(*bytes);
    }
    page.gauge("process_open_fds", "Descriptors that are open.").sample(descriptors_open());
    page.gauge("process_max_fds", "Descriptors that may be open.")
        .sample(std::uint64_t{descriptors_of_process()});
    page.gauge("process_start_time_seconds", "When the process began.").sample(started.unix_s());
}

}  // namespace carillon
