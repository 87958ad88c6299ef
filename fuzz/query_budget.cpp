// Conditions and queries made to be dear, by a grammar that the input steers, on rows as large as they may
// be: whatever they are, a row takes no more steps, memory and time than its budget (EvaluationLimits).

#include "base/json.hpp"
#include "query/query.hpp"

#include <malloc.h>
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <new>
#include <string>

namespace {

// What is allocated now, and the most it was since `budgeted` began.
std::size_t allocated = 0;
std::size_t allocated_max = 0;

void* counted(std::size_t size) {
    void* const memory = std::malloc(size);
    if (memory == nullptr) throw std::bad_alloc();
    allocated += malloc_usable_size(memory);
    allocated_max = std::max(allocated_max, allocated);
    return memory;
}

void uncounted(void* memory) {
    if (memory != nullptr) allocated -= malloc_usable_size(memory);
    std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) {
    return counted(size);
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    void* const memory = std::malloc(size);
    if (memory != nullptr) allocated += malloc_usable_size(memory);
    return memory;
}
void operator delete(void* memory) noexcept {
    uncounted(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    uncounted(memory);
}

// libFuzzer's, and absent where seeds are replayed: there no clock decides.
extern "C" __attribute__((weak)) std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size,
                                                              std::size_t size_max);

namespace carillon {
namespace {

/// What strings reserve beyond their size, and the answer itself, may come to as much again, twice.
constexpr std::size_t memory_max = 3 * query::EvaluationLimits().row_bytes_max;
/// The last operation may pass the limit by what it looks at, a string or a section.
constexpr std::uint64_t steps_max = query::EvaluationLimits().row_steps_max + 16 * 1024;
/// A row is about a millisecond; sanitizers make it some thirty times that, and neighbours longer.
constexpr std::int64_t cpu_ms_max = 250;
constexpr std::size_t text_bytes_max = 48 * 1024;
constexpr int depth_max = 20;

std::int64_t cpu_ms() {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

/// Turns bytes into text that parses, mostly.
class Grammar {
public:
    Grammar(const std::uint8_t* data, std::size_t size) : data_(data), size_(size) {}

    std::string condition() {
        text_.clear();
        boolean(0);
        return std::move(text_);
    }
    std::string list() {
        text_.clear();
        const int count = 1 + next() % 40;
        for (int i = 0; i < count; ++i) {
            if (i > 0) text_ += ", ";
            value(depth_max - 4);
            text_ += " AS v" + std::to_string(i);
        }
        return std::move(text_);
    }
    std::uint8_t next() {
        if (size_ == 0) return 0;
        --size_;
        return *data_++;
    }

private:
    template <std::size_t n>
    const char* pick(const std::array<const char*, n>& words) {
        return words[next() % n];
    }
    void path() {
        static constexpr std::array<const char*, 14> paths{"tags.s",
                                                           "tags.t",
                                                           "tags.quotes",
                                                           "tags",
                                                           "properties.desired.list",
                                                           "properties.reported",
                                                           "properties.desired.deep.a.b.c",
                                                           "properties.desired",
                                                           "properties.desired.number",
                                                           "deviceId",
                                                           "tags.none",
                                                           "$metadata",
                                                           "properties.desired.m999",
                                                           "status"};
        text_ += pick(paths);
    }
    void literal() {
        switch (next() % 6) {
            case 0:
                text_ += std::to_string(next());
                return;
            case 1:
                text_ += "-1.5e3";
                return;
            case 2:
                text_ += "'" + std::string(next() * 8U, 'a') + "'";
                return;
            case 3:
                text_ += "'ab'";
                return;
            case 4:
                text_ += "''";
                return;
            default:
                text_ += "true";
        }
    }
    void value(int depth) {
        if (depth >= depth_max || text_.size() > text_bytes_max)
            return (next() % 3 == 0 ? literal() : path());
        switch (next() % 12) {
            case 0:
                return literal();
            case 1:
            case 2:
                return path();
            case 3:
            case 4:
            case 5: {
                // Many arguments, most of them the same.
                text_ += "CONCAT(";
                value(depth + 1);
                static constexpr std::array<const char*, 3> more{",tags.s", ",tags.quotes", ",'a'"};
                const char* const argument = pick(more);
                const int times = 1 + next() % 64;
                for (int i = 0; i < times && text_.size() < text_bytes_max; ++i) text_ += argument;
                text_ += ')';
                return;
            }
            case 6:
                return call(pick(std::array<const char*, 4>{"LOWER", "UPPER", "AS_NUMBER", "ABS"}), 1, depth);
            case 7:
                return call("SUBSTRING", 3, depth);
            case 8:
                return call("INDEX_OF", 2, depth);
            case 9:
                return call("LENGTH", 1, depth);
            case 10:
                return call("POWER", 2, depth);
            default:
                text_ += '(';
                value(depth + 1);
                text_ += pick(std::array<const char*, 4>{" + ", " * ", " - ", " / "});
                value(depth + 1);
                text_ += ')';
        }
    }
    void call(const char* name, int arguments, int depth) {
        text_ += name;
        for (int i = 0; i < arguments; ++i) {
            text_ += i == 0 ? '(' : ',';
            value(depth + 1);
        }
        text_ += ')';
    }
    void boolean(int depth) {
        if (depth < depth_max && text_.size() < text_bytes_max) {
            switch (next() % 9) {
                case 0:
                case 1:
                    text_ += '(';
                    boolean(depth + 1);
                    text_ += next() % 2 == 0 ? " AND " : " OR ";
                    boolean(depth + 1);
                    text_ += ')';
                    return;
                case 2:
                    text_ += "NOT (";
                    boolean(depth + 1);
                    text_ += ')';
                    return;
                case 3:
                    return call(pick(std::array<const char*, 5>{"CONTAINS", "STARTSWITH", "ENDSWITH",
                                                                "ARRAY_CONTAINS", "STARTS_WITH"}),
                                2, depth);
                case 4:
                    return call(
                        pick(std::array<const char*, 4>{"IS_DEFINED", "IS_STRING", "IS_OBJECT", "IS_NUMBER"}),
                        1, depth);
                case 5: {
                    value(depth + 1);
                    text_ += " IN [";
                    const int count = 1 + next();
                    for (int i = 0; i < count && text_.size() < text_bytes_max; ++i) {
                        if (i > 0) text_ += ',';
                        literal();
                    }
                    text_ += ']';
                    return;
                }
                default:
                    break;
            }
        }
        value(depth + 1);
        text_ += pick(std::array<const char*, 6>{" = ", " != ", " < ", " > ", " <= ", " >= "});
        value(depth + 1);
    }

    const std::uint8_t* data_;
    std::size_t size_;
    std::string text_;
};

/// Twins as large as they may be, each in its way.
struct Rows {
    IdentityKey key = *IdentityKey::parse("device-1");
    LiveState live;
    std::array<Document, 3> documents;

    static constexpr WallTime now = WallTime::from_unix_s(1'790'000'000);

    Rows() {
        const std::string strings =
            R"({"tags":{"s":")" + std::string(4000, 'a') + R"(","t":")" + std::string(1000, 'a') + R"("}})";
        std::string quotes = R"({"tags":{"quotes":")";
        for (int i = 0; i < 1000; ++i) quotes += "\\\"";
        quotes += R"("},"properties":{"desired":{"deep":{"a":{"b":{"c":1}}},"number":12.5}}})";
        std::string members = R"({"properties":{"desired":{"list":[0)";
        for (int i = 0; i < 1500; ++i) members += ",1";
        members += "]";
        for (int i = 0; i < 1000; ++i) members += ",\"m" + std::to_string(i) + "\":1";
        members += "}}}";
        const std::array<std::string, 3> bodies{strings, quotes, members};
        for (std::size_t i = 0; i < bodies.size(); ++i) {
            const auto body = JsonDocument::parse(bodies[i]);
            CARILLON_ASSERT(body.has_value());
            const auto patch = TwinPatch::parse(body->root(), key);
            CARILLON_ASSERT(patch.has_value());
            const auto twin = patch_twin(Twin::fresh(now), *patch, now);
            CARILLON_ASSERT(twin.has_value());
            documents[i].identity = PackedIdentity(Identity(key));
            documents[i].twin = twin->twin;
        }
    }
};

/// Does `work` on one row, within the budget of one.
template <class Work>
void budgeted(Work work) {
    query::Meter meter;
    const std::size_t before = allocated;
    allocated_max = allocated;
    const std::int64_t begun = cpu_ms();
    work(meter);
    CARILLON_ASSERT(meter.steps <= steps_max);
    CARILLON_ASSERT(allocated_max - before <= memory_max);
    if (LLVMFuzzerMutate != nullptr) CARILLON_ASSERT(cpu_ms() - begun <= cpu_ms_max);
}

void evaluate_query(const query::Query& query, const query::Row& row) {
    budgeted([&](query::Meter& meter) { static_cast<void>(query.where.keeps(row, meter)); });
    if (query.is_aggregated()) {
        budgeted([&](query::Meter& meter) {
            query::Aggregation groups(query);
            static_cast<void>(groups.add(row, meter));
        });
    } else if (!query.is_whole_rows()) {
        budgeted([&](query::Meter& meter) {
            std::string out;
            static_cast<void>(query.append_projected(out, row, meter));
        });
    }
}

void run(const std::uint8_t* data, std::size_t size, const Rows& rows) {
    query::QueryOptions options;
    options.functions = query::FunctionSet::permissive;
    Grammar grammar(data, size);
    const bool has_list = grammar.next() % 2 == 1;
    const std::string where = grammar.condition();
    const auto condition = query::parse_job_condition(where, options);
    const auto target = query::parse_target_condition(where, options);
    std::string text =
        "SELECT " + (has_list ? grammar.list() : std::string("COUNT() AS n")) + " FROM devices";
    if (grammar.next() % 2 == 0) text += " WHERE " + where;
    const auto query = query::parse_query(text, options);
    for (const Document& document : rows.documents) {
        const query::Row row(document, rows.key, rows.live);
        if (condition) {
            budgeted([&](query::Meter& meter) { static_cast<void>(condition->where.keeps(row, meter)); });
        }
        if (target) {
            budgeted([&](query::Meter& meter) { static_cast<void>(target->where.keeps(row, meter)); });
        }
        if (query) evaluate_query(*query, row);
    }
}

}  // namespace
}  // namespace carillon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const carillon::Rows rows;
    carillon::run(data, size, rows);
    return 0;
}
