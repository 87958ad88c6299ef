#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace carillon {

/// A number that one thread writes and any thread reads: a plain increment for its owner. Several may write
/// by `add_shared`, and then all of them do.
template <class T>
class Counted {
public:
    Counted() = default;
    Counted(T value) : value_(value) {}  // NOLINT: it stands for its number
    Counted(const Counted& other) : value_(other.value()) {}
    Counted& operator=(const Counted& other) {
        value_.store(other.value(), std::memory_order_relaxed);
        return *this;
    }

    void add(T by = 1) { value_.store(value() + by, std::memory_order_relaxed); }
    void add_shared(T by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
    Counted& operator++() {
        add();
        return *this;
    }
    Counted& operator+=(T by) {
        add(by);
        return *this;
    }
    Counted& operator-=(T by) {
        value_.store(value() - by, std::memory_order_relaxed);
        return *this;
    }
    Counted& operator--() { return *this -= 1; }
    T value() const { return value_.load(std::memory_order_relaxed); }
    operator T() const { return value(); }  // NOLINT: it stands for its number

private:
    std::atomic<T> value_{0};
};

/// A number that only rises, but for a restart.
using Counter = Counted<std::uint64_t>;
/// A number that rises and falls.
using Gauge = Counted<std::int64_t>;

/// How often values fell into ranges: `Scale::bounds` are the ranges' upper ends, ascending; a value counts
/// in the first that it does not exceed. Threads as `Counted`.
template <class Scale>
class Histogram {
public:
    static constexpr std::size_t size = Scale::bounds.size() + 1;  ///< The last range has no end.

    void add(std::int64_t value) {
        buckets_[bucket_of(value)].add();
        sum_.add(value);
    }
    void add_shared(std::int64_t value) {
        buckets_[bucket_of(value)].add_shared();
        sum_.add_shared(value);
    }
    void add(std::chrono::nanoseconds value) { add(value.count()); }
    void add_shared(std::chrono::nanoseconds value) { add_shared(value.count()); }
    Histogram& operator+=(const Histogram& other) {
        for (std::size_t i = 0; i < size; ++i) buckets_[i] += other.buckets_[i].value();
        sum_ += other.sum_.value();
        return *this;
    }
    /// How many fell into a range.
    std::uint64_t in(std::size_t bucket) const { return buckets_[bucket].value(); }
    std::uint64_t count() const {
        std::uint64_t all = 0;
        for (const Counter& bucket : buckets_) all += bucket.value();
        return all;
    }
    std::int64_t sum() const { return sum_.value(); }

private:
    static std::size_t bucket_of(std::int64_t value) {
        std::size_t bucket = 0;
        while (bucket < Scale::bounds.size() && value > Scale::bounds[bucket]) ++bucket;
        return bucket;
    }
    std::array<Counter, size> buckets_;
    Gauge sum_;
};

/// Nanoseconds, told in seconds: from what a twin read takes to what a direct method may.
struct TimeScale {
    static constexpr double unit = 1e-9;
    static constexpr std::array<std::int64_t, 14> bounds{
        100'000,    250'000,    500'000,     1'000'000,   2'500'000,     5'000'000,     10'000'000,
        25'000'000, 50'000'000, 100'000'000, 250'000'000, 1'000'000'000, 5'000'000'000, 30'000'000'000};
};
/// Counts of things.
struct CountScale {
    static constexpr double unit = 1;
    static constexpr std::array<std::int64_t, 9> bounds{1, 4, 16, 64, 256, 1024, 4096, 16384, 65536};
};
using TimeHistogram = Histogram<TimeScale>;
using CountHistogram = Histogram<CountScale>;

}  // namespace carillon
