#pragma once

#include "base/result.hpp"
#include "model/registry_line.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace carillon {

/// A line that was refused, by the hub or before it got there.
struct RefusedLine {
    std::uint64_t line = 0;
    std::string json;  ///< As in `importErrors.log`.
};

/// Lines of a `devices.txt` on their way to a hub in bulk requests: gathers what fits one request, in
/// which no identity may stand twice, and finds the lines that the hub's errors are about.
class EntryBatch {
public:
    static constexpr std::size_t entries_max = 100;
    static constexpr std::size_t bytes_max = 512 * 1024;

    /// `mode`, unless empty, is put in place of every entry's own `importMode`.
    explicit EntryBatch(std::string mode = {}) : mode_(std::move(mode)) {}

    enum class Added {
        yes,
        full,     ///< Not added: the batch goes first.
        refused,  ///< Never to be added; see `refused`.
    };
    /// A line is one entry; what is wrong with it in any hub is found here.
    Added add(std::string_view text, std::uint64_t line, RefusedLine& refused);

    bool is_empty() const { return places_.empty(); }
    std::uint64_t first_line() const { return first_line_; }
    std::uint64_t last_line() const { return last_line_; }
    /// The request's body.
    std::string body() const { return "[" + entries_ + "]"; }
    /// What the hub refused, by its answer to the body. Fails with `malformed_packet`.
    Result<std::vector<RefusedLine>> read_answer(std::string_view answer) const;
    void clear();

private:
    using Key = std::pair<std::string, std::string>;  ///< Device and module.
    std::string mode_;
    std::string entries_;
    std::map<Key, std::uint64_t> places_;
    std::uint64_t first_line_ = 0;
    std::uint64_t last_line_ = 0;
};

/// The entry `json` with another `importMode`; nothing if it is not a JSON object.
std::optional<std::string> with_import_mode(std::string_view json, std::string_view mode);

/// True for one of the words that an `importMode` may be, in any case.
bool is_import_mode(std::string_view word);

/// The URI of a blob container, as opposed to a file's name: begins with `https:`, `http:` or `file:`.
bool is_container_uri(std::string_view text);

/// `12,300 lines, 41,200/s` and, where known, what part of it all is done and how many were refused.
std::string transfer_progress_line(std::uint64_t lines, std::uint64_t refused, double seconds,
                                   std::optional<int> percent);

}  // namespace carillon
