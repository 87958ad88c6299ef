#include "terminal.hpp"

#include "terminal_text.hpp"

#include <sys/ioctl.h>
#include <unistd.h>
#include <algorithm>

namespace carillon {

namespace {

constexpr std::size_t width_default = 80;

}  // namespace

std::size_t terminal_width(std::FILE* out) {
    const int descriptor = ::fileno(out);
    if (::isatty(descriptor) == 0) return 0;
    winsize size{};
    const bool is_known = ::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    return is_known ? size.ws_col : width_default;
}

std::size_t LiveBlock::width() const {
    constexpr std::size_t width_min = 20;
    return std::max(terminal_width(out_), width_min) - 1;
}

void LiveBlock::draw(const std::vector<std::string>& lines) {
    const std::size_t columns = std::max<std::size_t>(terminal_width(out_), 1);
    std::size_t rows = 0;
    for (const std::size_t cells : drawn_) rows += std::max<std::size_t>((cells + columns - 1) / columns, 1);
    std::string text;
    if (rows > 0) text += "\r\x1b[" + std::to_string(rows) + "A";  // Up to where it began.
    drawn_.clear();
    for (const std::string& line : lines) {
        text += line + "\x1b[K\n";  // Without what is left of the line that was there.
        drawn_.push_back(cells_of(line));
    }
    if (rows > 0 || !lines.empty()) text += "\x1b[J";  // Without what a longer block left below.
    std::fputs(text.c_str(), out_);
    std::fflush(out_);
}

void StatusLine::show(const std::string& text) {
    if (terminal_width(stderr) > 0) block_.draw({cut_to_cells(text, block_.width())});
}

void StatusLine::clear() {
    if (terminal_width(stderr) > 0) block_.clear();
}

}  // namespace carillon
