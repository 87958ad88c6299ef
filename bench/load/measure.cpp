#include "load/measure.hpp"

#include "base/text.hpp"

#include <unistd.h>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

namespace carillon::load {
namespace {

std::string read_file(const std::string& path) {
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

/// A line such as `VmRSS:	  1234 kB`.
std::uint64_t kib_of(const std::string& status, const std::string& name) {
    const std::size_t at = status.find("\n" + name + ":");
    if (at == std::string::npos) return 0;
    std::istringstream in(status.substr(at + name.size() + 2));
    std::uint64_t kib = 0;
    in >> kib;
    return kib;
}

}  // namespace

double Samples::percentile(double percent) {
    if (us_.empty()) return 0;
    if (!is_sorted_) std::sort(us_.begin(), us_.end());
    is_sorted_ = true;
    const auto rank = static_cast<std::size_t>(std::ceil(percent / 100 * static_cast<double>(us_.size())));
    return us_[std::min(us_.size() - 1, rank == 0 ? 0 : rank - 1)];
}

ProcessUse read_process(int pid) {
    ProcessUse use;
    const std::string folder = "/proc/" + std::to_string(pid);
    // Fields 14 and 15 of stat are ticks in user and system mode; the name in field 2 may hold blanks.
    const std::string stat = read_file(folder + "/stat");
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos) return use;
    std::istringstream in(stat.substr(name_end + 2));
    std::string skipped;
    for (int field = 3; field < 14; ++field) in >> skipped;
    std::uint64_t user = 0;
    std::uint64_t system = 0;
    in >> user >> system;
    use.cpu_s = static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    const std::string status = read_file(folder + "/status");
    use.resident_bytes = kib_of(status, "VmRSS") * 1024;
    use.user_bytes = kib_of(status, "RssAnon") * 1024;
    return use;
}

}  // namespace carillon::load
