#include "server/process/huge_pages.hpp"

#include <sys/prctl.h>

namespace carillon {

HugePages::HugePages() : is_ours_(::prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) == 0) {}

void HugePages::look(std::uint64_t bytes) {
    const bool allows = bytes >= (is_allowed_ ? worth_bytes / 2 : worth_bytes);
    if (!is_ours_ || allows == is_allowed_) return;
    if (::prctl(PR_SET_THP_DISABLE, allows ? 0 : 1, 0, 0, 0) != 0) {
        is_ours_ = false;  // The kernel knows none, or a sandbox forbids the call: there is nothing to decide.
        return;
    }
    is_allowed_ = allows;
}

}  // namespace carillon
