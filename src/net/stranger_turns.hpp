#pragma once

#include <cstddef>
#include <deque>
#include <vector>

namespace carillon {

/// A peer of whom nothing is known yet, as far as it waits for a thread's time.
class Stranger {
public:
    /// Goes on with the handshake by what has come.
    virtual void take_step() = 0;
    /// Its time is over, or that of something else that it waited for.
    virtual void time_is_up() = 0;

protected:
    ~Stranger() = default;
};

/// What a thread does for strangers, a little in each turn of its loop, so that those who are known wait for
/// a fraction of it: thousands may say hello at once, and the time of thousands may be up at once.
///
/// The first step of a handshake is what costs, some 0.3 ms; a later one ends it. Each turn takes one of
/// either, so that neither kind can hold up the other. First steps of those whose address began many
/// handshakes for nothing (`StrangerCounts::is_doubted`) wait until nobody else does, and where there is
/// something else to do they get one turn of a few. The thread's own.
class StrangerTurns {
public:
    /// Ends in a turn. Ours: each closes a socket and frees its connection.
    static constexpr std::size_t ends_max = 16;
    /// Handshakes of a thread that were answered and wait for the peer, of some 35 KiB each. Beyond it the
    /// one goes that was answered first. Ours: `HandshakeGate` lets 64 be on their way that are as quick as
    /// others; and who is cut soon comes back soon, for another answer.
    static constexpr std::size_t unfinished_max = 1024;
    /// First steps of the doubted that wait. Beyond it the one goes that waited longest.
    static constexpr std::size_t doubted_max = 1024;
    /// Turns in a row that may be too busy for them.
    static constexpr int busy_turns_max = 3;

    enum class Step { first, doubted_first, later };

    /// Has `take_step` called in a turn soon. Once at a time.
    void ask_for_step(Stranger& stranger, Step step);
    /// Has `time_is_up` called in a turn soon.
    void ask_for_end(Stranger& stranger) { ends_.push_back(&stranger); }
    /// It was answered and must say more; said again it changes nothing. May end another one at once.
    void answered(Stranger& stranger);
    /// Its handshake is over, in any way; harmless if it was not answered.
    void finished(const Stranger& stranger) { std::erase(unfinished_, &stranger); }
    /// It is gone.
    void forget(const Stranger& stranger);

    /// First steps that wait, of those who are not doubted.
    std::size_t waiting() const { return first_.size(); }
    bool is_empty() const { return first_.empty() && doubted_.empty() && later_.empty() && ends_.empty(); }
    /// A turn's worth; `is_busy` if the thread had something else to do in this one.
    void work(bool is_busy);

private:
    std::deque<Stranger*> first_;        ///< Bound: ConnectionCount::open_max.
    std::deque<Stranger*> doubted_;      ///< First steps, too. Bound: doubted_max.
    std::deque<Stranger*> later_;        ///< Bound: ConnectionCount::open_max.
    std::deque<Stranger*> ends_;         ///< Bound: ConnectionCount::open_max.
    std::vector<Stranger*> unfinished_;  ///< Oldest first. Bound: unfinished_max.
    int busy_turns_ = 0;                 ///< Since a doubted one had its step.
};

}  // namespace carillon
