#pragma once

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace carillon {

/// Columns of the terminal that `out` is, now; 0 if it is none.
std::size_t terminal_width(std::FILE* out);

/// A block of lines at the bottom of a terminal that is drawn again and again in its own place. It stays in
/// its place when the terminal gets another width: lines that were drawn are reckoned as the terminal has
/// folded them meanwhile, which is what today's terminals do (VTE, tmux, kitty, Windows Terminal).
class LiveBlock {
public:
    explicit LiveBlock(std::FILE* out) : out_(out) {}

    /// Puts `lines` in place of what is there. None is longer than `width()`.
    void draw(const std::vector<std::string>& lines);
    /// Takes the block away.
    void clear() { draw({}); }
    /// Leaves it as it stands: what comes next stands below.
    void keep() { drawn_.clear(); }

    /// How long a line may be: a column less than the terminal has, as terminals differ in what they do at
    /// the last one.
    std::size_t width() const;

private:
    std::FILE* out_;
    std::vector<std::size_t> drawn_;  ///< Cells of each line.
};

/// A line on standard error that is written over, where that is a terminal; nothing elsewhere.
class StatusLine {
public:
    ~StatusLine() { clear(); }
    void show(const std::string& text);
    void clear();

private:
    LiveBlock block_{stderr};
};

}  // namespace carillon
