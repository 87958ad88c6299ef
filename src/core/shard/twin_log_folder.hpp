#pragma once

#include "base/callback_scope.hpp"
#include "core/shard/shard.hpp"

#include <cstdint>
#include <vector>

namespace carillon {

/// Keeps a shard's twin log short, so that a restart has little to replay: when it is over its bounds
/// the documents of all its entries are written whole at a gentle pace, each once, and the entries erased
/// when all of that is durable. Interrupting it at any point is harmless. The shard's thread only.
class TwinLogFolder {
public:
    /// Ours: the pace, some 16,000 documents a second. What else a shard has to do waits for one slice, of
    /// some 200 us.
    static constexpr std::size_t slice_devices = 16;
    static constexpr int slices_at_a_stretch = 5;
    static constexpr std::chrono::milliseconds stretch_pause{5};
    /// Ours: while twin jobs log, folding waits until it was quiet for so long, or until the log is
    /// over `patience` times its bounds: ten jobs in a row over as many devices as `devices_max`.
    static constexpr std::chrono::milliseconds quiet_after{3000};
    static constexpr std::size_t patience = 12;
    /// Ours: what is read of the log at once, as commits wait for it; and how long after a refused commit
    /// the next pass begins.
    static constexpr std::size_t piece_devices_max = 50'000;
    static constexpr std::chrono::seconds retry_delay{5};

    /// Folds from above these bounds down to half of them.
    TwinLogFolder(Shard& shard, std::size_t devices_max, std::size_t bytes_max);
    TwinLogFolder(const TwinLogFolder&) = delete;
    TwinLogFolder& operator=(const TwinLogFolder&) = delete;

    /// Measures what is in the log. Before the shard's thread runs.
    Result<> load();
    void start();
    void stop() { is_stopped_ = true; }
    /// An entry became durable.
    void logged(std::size_t devices, std::size_t bytes);

    std::size_t devices() const { return devices_; }
    bool is_folding() const { return is_folding_; }

private:
    /// Entries of the log that follow each other.
    struct Piece {
        std::vector<Ordinal> ordinals;
        std::uint64_t last_sequence = 0;
        std::size_t devices = 0;
        std::size_t bytes = 0;
    };
    /// The entries that there were when it began.
    struct Pass {
        std::uint64_t from = 0;   ///< Entries below this sequence number have been read,
        std::uint64_t end = 0;    ///< and those below this one are to be.
        std::vector<bool> is_in;  ///< By ordinal. Bound: the ordinals of the shard.
        std::size_t devices = 0;
        std::size_t bytes = 0;
    };
    static Result<Piece> read_piece(const Store& store, std::string_view from, std::string_view to);
    void begin_if_due();
    void begin();
    void read();
    void add_or_end(const Result<Piece>& found);
    void add(const Piece& piece);
    void fold();
    void fold_slice();
    bool gives_way() const;
    void erase();
    void end(bool is_refused);
    void go_on();
    void after(Duration delay, void (TwinLogFolder::*next)());

    Shard& shard_;
    const std::size_t devices_max_;
    const std::size_t bytes_max_;
    std::size_t devices_ = 0;  ///< Documents the durable entries stand for.
    std::size_t bytes_ = 0;
    TimePoint last_logged_{};
    Pass pass_;
    Ordinal folded_ = 0;  ///< Of `pass_.is_in`, documents before this one have been written.
    int slices_ = 0;      ///< Of this stretch.
    bool has_refusal_ = false;
    bool is_folding_ = false;
    bool is_emptying_ = false;  ///< From over the bounds down to half of them.
    bool is_stopped_ = false;
    CallbackScope callbacks_;
};

}  // namespace carillon
