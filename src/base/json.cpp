#include "base/json.hpp"

#include "base/json_check.hpp"
#include "base/json_number.hpp"
#include "base/utf8.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace carillon {

/// One value. `begin` to `end` is its raw text. Siblings are linked by `next`, where 0 ends the list,
/// since the root (0) is nobody's sibling.
struct JsonNode {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
    std::uint32_t next = 0;
    std::uint32_t key_at = 0;
    std::uint32_t key_size : 31 = 0;
    std::uint32_t key_escaped : 1 = 0;  ///< The key's text is in `JsonTree::decoded`, not in the source.
    std::uint32_t a = 0;                ///< String: where its text is. Object, array: the first child, or 0.
    std::uint32_t b = 0;                ///< String: its size. Object, array: the number of children.
    JsonKind kind = JsonKind::absent;
    bool flag = false;  ///< String: its text is in `decoded`. Boolean: the value.
};
static_assert(sizeof(JsonNode) == 32);

struct JsonTree {
    std::string_view text;
    std::vector<JsonNode> nodes;
    std::string decoded;  ///< The texts of strings and keys with escapes.

    std::string_view key(const JsonNode& node) const {
        return slice(node.key_at, node.key_size, node.key_escaped);
    }
    std::string_view slice(std::uint32_t at, std::uint32_t size, bool is_decoded) const {
        return (is_decoded ? std::string_view(decoded) : text).substr(at, size);
    }
};

namespace {

/// Bytes that end a run of plain ones inside a string: quote, backslash, controls, non-ASCII.
constexpr std::array<bool, 256> make_string_stops() {
    std::array<bool, 256> stops{};
    for (std::size_t c = 0; c < 256; ++c) stops[c] = c < 0x20 || c >= 0x80 || c == '"' || c == '\\';
    return stops;
}
constexpr std::array<bool, 256> string_stops = make_string_stops();

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

void append_utf8(std::string& out, std::uint32_t code) {
    const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
    if (code < 0x80) {
        put(code);
    } else if (code < 0x800) {
        put(0xC0 | code >> 6);
        put(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
        put(0xE0 | code >> 12);
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    } else {
        put(0xF0 | code >> 18);
        put(0x80 | (code >> 12 & 0x3F));
        put(0x80 | (code >> 6 & 0x3F));
        put(0x80 | (code & 0x3F));
    }
}

struct Open {
    std::uint32_t node = 0;
    std::uint32_t last = 0;  ///< The newest child, or 0.
};

/// What a parser works with, and a later one may use again.
struct Scratch {
    std::vector<Open> open;  ///< The path of arrays and objects around the next value.
    std::vector<std::uint32_t> sorted;
    std::vector<std::uint32_t> doomed;
};

/// Parses without recursion.
class Parser {
public:
    Parser(JsonTree& tree, Scratch& scratch, const JsonLimits& limits)
        : tree_(tree),
          text_(tree.text),
          limits_(limits),
          open_(scratch.open),
          sorted_(scratch.sorted),
          doomed_(scratch.doomed) {}

    bool run() {
        skip_space();
        if (!value(Text{})) return false;
        while (!open_.empty()) {
            if (!step()) return false;
        }
        skip_space();
        return at_ == text_.size() || fault("text after the value");
    }

    std::size_t fault_at() const { return at_; }
    const char* fault_reason() const { return reason_; }

private:
    struct Text {
        std::uint32_t at = 0;
        std::uint32_t size = 0;
        bool escaped = false;
    };

    bool fault(const char* reason) {
        reason_ = reason;
        return false;
    }
    char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
    bool take(char c) {
        if (at_ >= text_.size() || text_[at_] != c) return false;
        ++at_;
        return true;
    }
    void skip_space() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c != ' ' && c != '\n' && c != '\r' && c != '\t') return;
            ++at_;
        }
    }
    static std::uint32_t to_u32(std::size_t n) { return static_cast<std::uint32_t>(n); }

    /// What follows inside the innermost array or object: its end, or one more member or element.
    bool step() {
        const Open top = open_.back();
        const bool is_object = tree_.nodes[top.node].kind == JsonKind::object;
        skip_space();
        if (take(is_object ? '}' : ']')) return close();
        if (top.last != 0) {
            if (!take(',')) return fault(is_object ? "expected , or }" : "expected , or ]");
            skip_space();
        }
        Text key;
        if (is_object) {
            if (!take('"')) return fault("expected a member name");
            if (!string(key)) return false;
            skip_space();
            if (!take(':')) return fault("expected :");
            skip_space();
        }
        return value(key);
    }

    bool close() {
        const std::uint32_t index = open_.back().node;
        open_.pop_back();
        JsonNode& node = tree_.nodes[index];
        node.end = to_u32(at_);
        if (node.kind == JsonKind::object && node.b > 1) drop_duplicates(node);
        return true;
    }

    /// Adds the node for the value that starts here, as the newest child of the innermost container.
    bool value(const Text& key) {
        if (tree_.nodes.size() >= limits_.nodes_max) return fault("too many values");
        const std::uint32_t index = to_u32(tree_.nodes.size());
        JsonNode& node = tree_.nodes.emplace_back();
        node.begin = to_u32(at_);
        node.key_at = key.at;
        node.key_size = key.size & 0x7FFFFFFF;
        node.key_escaped = key.escaped ? 1 : 0;
        if (!open_.empty()) {
            Open& parent = open_.back();
            if (parent.last == 0) {
                tree_.nodes[parent.node].a = index;
            } else {
                tree_.nodes[parent.last].next = index;
            }
            parent.last = index;
            ++tree_.nodes[parent.node].b;
        }
        switch (peek()) {
            case '{':
                return open(node, index, JsonKind::object);
            case '[':
                return open(node, index, JsonKind::array);
            case '"': {
                ++at_;
                Text text;
                if (!string(text)) return false;
                node.kind = JsonKind::string;
                node.a = text.at;
                node.b = text.size;
                node.flag = text.escaped;
                break;
            }
            case 't':
                node.flag = true;
                [[fallthrough]];
            case 'f':
                if (!word(node.flag ? "true" : "false")) return false;
                node.kind = JsonKind::boolean;
                break;
            case 'n':
                if (!word("null")) return false;
                node.kind = JsonKind::null;
                break;
            default:
                if (!number()) return false;
                node.kind = JsonKind::number;
        }
        node.end = to_u32(at_);
        return true;
    }

    bool open(JsonNode& node, std::uint32_t index, JsonKind kind) {
        if (open_.size() >= limits_.depth_max) return fault("nested too deep");
        node.kind = kind;
        open_.push_back(Open{.node = index, .last = 0});
        ++at_;
        return true;
    }

    bool word(std::string_view expected) {
        if (text_.substr(at_, expected.size()) != expected) return fault("not a JSON value");
        at_ += expected.size();
        return true;
    }

    bool some_digits() {
        if (!is_digit(peek())) return fault("expected a digit");
        while (is_digit(peek())) ++at_;
        return true;
    }

    bool number() {
        const bool negative = take('-');
        if (!is_digit(peek())) return fault(negative ? "expected a digit" : "not a JSON value");
        if (!take('0') && !some_digits()) return false;
        if (take('.') && !some_digits()) return false;
        if (take('e') || take('E')) {
            if (!take('+')) take('-');
            if (!some_digits()) return false;
        }
        return true;
    }

    /// Reads up to and with the closing quote; the opening one is behind us.
    bool string(Text& out) {
        const std::size_t begin = at_;
        std::size_t run = at_;  // where the plain bytes began that are not copied yet
        std::size_t decoded_begin = 0;
        for (;;) {
            while (at_ < text_.size() && !string_stops[static_cast<unsigned char>(text_[at_])]) ++at_;
            if (at_ == text_.size()) return fault("a string without end");
            const char c = text_[at_];
            if (c == '"') break;
            if (c == '\\') {
                if (!out.escaped) {
                    out.escaped = true;
                    decoded_begin = tree_.decoded.size();
                }
                tree_.decoded.append(text_, run, at_ - run);
                if (!escape()) return false;
                run = at_;
            } else {
                const std::size_t length = utf8_sequence_length(text_.data() + at_, text_.size() - at_);
                if (length == 0) return fault("not UTF-8");
                if (length == 1) return fault("a control character in a string");
                at_ += length;
            }
        }
        if (out.escaped) {
            tree_.decoded.append(text_, run, at_ - run);
            out.at = to_u32(decoded_begin);
            out.size = to_u32(tree_.decoded.size() - decoded_begin);
        } else {
            out.at = to_u32(begin);
            out.size = to_u32(at_ - begin);
        }
        ++at_;
        return true;
    }

    bool escape() {
        ++at_;
        const char c = peek();
        char plain = 0;
        switch (c) {
            case '"':
            case '\\':
            case '/':
                plain = c;
                break;
            case 'b':
                plain = '\b';
                break;
            case 'f':
                plain = '\f';
                break;
            case 'n':
                plain = '\n';
                break;
            case 'r':
                plain = '\r';
                break;
            case 't':
                plain = '\t';
                break;
            case 'u':
                ++at_;
                return unicode_escape();
            default:
                return fault("an unknown escape");
        }
        tree_.decoded += plain;
        ++at_;
        return true;
    }

    bool unicode_escape() {
        std::uint32_t code = 0;
        if (!hex4(code)) return false;
        if (code >= 0xDC00 && code < 0xE000) return fault("half a surrogate pair");
        if (code >= 0xD800 && code < 0xDC00) {
            std::uint32_t low = 0;
            if (!take('\\') || !take('u')) return fault("half a surrogate pair");
            if (!hex4(low)) return false;
            if (low < 0xDC00 || low >= 0xE000) return fault("half a surrogate pair");
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        append_utf8(tree_.decoded, code);
        return true;
    }

    bool hex4(std::uint32_t& code) {
        code = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = peek();
            std::uint32_t digit = 0;
            if (is_digit(c)) {
                digit = static_cast<std::uint32_t>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<std::uint32_t>(c - 'a') + 10;
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<std::uint32_t>(c - 'A') + 10;
            } else {
                return fault("expected four hex digits");
            }
            code = code << 4 | digit;
            ++at_;
        }
        return true;
    }

    /// Unlinks each member that a later one of the same name follows.
    void drop_duplicates(JsonNode& object) {
        constexpr std::uint32_t pairwise_max = 12;  // below it, comparing each with each is cheapest
        doomed_.clear();
        if (object.b <= pairwise_max) {
            for (std::uint32_t i = object.a; i != 0; i = tree_.nodes[i].next) {
                const std::string_view key = tree_.key(tree_.nodes[i]);
                for (std::uint32_t k = tree_.nodes[i].next; k != 0; k = tree_.nodes[k].next) {
                    if (tree_.key(tree_.nodes[k]) != key) continue;
                    doomed_.push_back(i);
                    break;
                }
            }
        } else {
            sorted_.clear();
            for (std::uint32_t i = object.a; i != 0; i = tree_.nodes[i].next) sorted_.push_back(i);
            std::sort(sorted_.begin(), sorted_.end(), [this](std::uint32_t x, std::uint32_t y) {
                const int order = tree_.key(tree_.nodes[x]).compare(tree_.key(tree_.nodes[y]));
                return order != 0 ? order < 0 : x < y;
            });
            for (std::size_t i = 0; i + 1 < sorted_.size(); ++i) {
                if (tree_.key(tree_.nodes[sorted_[i]]) == tree_.key(tree_.nodes[sorted_[i + 1]]))
                    doomed_.push_back(sorted_[i]);
            }
            std::sort(doomed_.begin(), doomed_.end());
        }
        if (doomed_.empty()) return;
        // Both lists are in order of index, so one walk unlinks all.
        std::uint32_t* link = &object.a;
        for (std::uint32_t doomed : doomed_) {
            while (*link != doomed) link = &tree_.nodes[*link].next;
            *link = tree_.nodes[doomed].next;
        }
        object.b -= to_u32(doomed_.size());
    }

    JsonTree& tree_;
    std::string_view text_;
    const JsonLimits& limits_;
    std::size_t at_ = 0;
    const char* reason_ = "";
    std::vector<Open>& open_;
    std::vector<std::uint32_t>& sorted_;
    std::vector<std::uint32_t>& doomed_;
};

/// Offsets are of 32 bits, and a key's size of 31.
constexpr std::size_t text_bytes_max = std::numeric_limits<std::int32_t>::max();

}  // namespace

JsonKind JsonValue::kind() const {
    return tree_ == nullptr ? JsonKind::absent : tree_->nodes[index_].kind;
}

std::string_view JsonValue::raw() const {
    if (tree_ == nullptr) return {};
    const JsonNode& node = tree_->nodes[index_];
    return tree_->text.substr(node.begin, node.end - node.begin);
}

std::string_view JsonValue::string() const {
    if (!is_string()) return {};
    const JsonNode& node = tree_->nodes[index_];
    return tree_->slice(node.a, node.b, node.flag);
}

bool JsonValue::boolean() const {
    return is_boolean() && tree_->nodes[index_].flag;
}
double JsonValue::number() const {
    return is_number() ? json_number_value(raw()) : 0.0;
}
std::optional<std::int64_t> JsonValue::integer() const {
    return is_number() ? json_number_integer(raw()) : std::nullopt;
}

std::size_t JsonValue::size() const {
    return is_object() || is_array() ? tree_->nodes[index_].b : 0;
}

JsonValue JsonValue::find(std::string_view key) const {
    if (!is_object()) return {};
    for (std::uint32_t i = tree_->nodes[index_].a; i != 0; i = tree_->nodes[i].next) {
        if (tree_->key(tree_->nodes[i]) == key) return JsonValue(tree_, i);
    }
    return {};
}

JsonValue JsonValue::first() const {
    if (size() == 0) return {};
    return JsonValue(tree_, tree_->nodes[index_].a);
}

JsonValue JsonValue::next() const {
    if (tree_ == nullptr) return {};
    const std::uint32_t next = tree_->nodes[index_].next;
    return next == 0 ? JsonValue() : JsonValue(tree_, next);
}

std::string_view JsonValue::key() const {
    return tree_ == nullptr ? std::string_view() : tree_->key(tree_->nodes[index_]);
}

JsonDocument::JsonDocument(std::unique_ptr<JsonTree> tree) : tree_(std::move(tree)) {}
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonValue JsonDocument::root() const {
    return JsonValue(tree_.get(), 0);
}

Result<JsonDocument> JsonDocument::parse(std::string_view text, const JsonLimits& limits) {
    if (text.size() > text_bytes_max) return fail(Errc::iot_hub_format_error, "JSON text of 2 GiB or more");
    auto tree = std::make_unique<JsonTree>();
    tree->text = text;
    tree->nodes.reserve(std::min<std::size_t>(text.size() / 12 + 4, limits.nodes_max));
    Scratch scratch;
    Parser parser(*tree, scratch, limits);
    if (!parser.run()) {
        return fail(Errc::iot_hub_format_error, std::string("not valid JSON at byte ") +
                                                    std::to_string(parser.fault_at()) + ": " +
                                                    parser.fault_reason());
    }
    return JsonDocument(std::move(tree));
}

bool is_json(std::string_view text) {
    struct Kept {
        JsonTree tree;
        Scratch scratch;
        std::string last;  ///< The last text that was JSON, as a fleet answers the same again and again.
    };
    constexpr std::size_t nodes_kept_max = 1024;  // what took more gives its memory back
    constexpr std::size_t text_kept_max = 256;
    thread_local Kept kept;
    if (text.size() > text_bytes_max) return false;
    if (!text.empty() && text == kept.last) return true;
    kept.tree.text = text;
    kept.tree.nodes.clear();
    kept.tree.decoded.clear();
    kept.scratch.open.clear();
    const JsonLimits limits;
    const bool is_whole = Parser(kept.tree, kept.scratch, limits).run();
    kept.tree.text = {};
    if (is_whole && text.size() <= text_kept_max) kept.last = text;
    if (kept.tree.nodes.capacity() > nodes_kept_max || kept.tree.decoded.capacity() > nodes_kept_max)
        kept = {};
    return is_whole;
}

}  // namespace carillon
