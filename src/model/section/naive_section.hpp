#pragma once

// A section as the rules describe it, without any thought of speed: what tests and fuzz targets
// compare `Section` with.

#include "base/json.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace carillon {

/// A section of a twin written the plain way, as a second opinion on `Section`.
class NaiveSection {
public:
    explicit NaiveSection(WallTime created) { root_.updated = created; }

    /// Merges `patch`; answers whether it touched anything. `told` is what the device hears.
    bool merge(JsonValue patch, WallTime now, bool with_version, std::string& told) {
        stamp_ = {now, with_version ? version_ + 1 : 0};
        told.clear();
        if (!merge_object(root_, patch, told)) {
            told.clear();
            return false;
        }
        stamp(root_);
        ++version_;
        return true;
    }

    /// Replaces everything by `content`; answers whether that counts as a write.
    bool replace(JsonValue content, WallTime now, bool with_version, std::string& told) {
        Node fresh;
        stamp_ = {now, with_version ? version_ + 1 : 0};
        fill(fresh, content);
        told.clear();
        if (root_.members.empty() && fresh.members.empty()) return false;
        told = difference(root_, fresh);
        root_ = std::move(fresh);
        ++version_;
        return true;
    }

    std::string plain() const { return "{" + members(root_) + "}"; }
    std::string full() const {
        std::string text = members(root_);
        if (!text.empty()) text += ',';
        return "{" + text + "\"$metadata\":" + metadata(root_) + ",\"$version\":" + std::to_string(version_) +
               "}";
    }
    std::size_t counted() const { return count(root_); }

private:
    struct Node {
        std::string key;  ///< Within its parent.
        bool is_object = true;
        std::string leaf;  ///< As JSON; of anything but an object.
        std::size_t leaf_counts = 0;
        std::vector<Node> members;
        WallTime updated;
        std::int64_t version = 0;
    };

    void stamp(Node& node) const {
        node.updated = stamp_.first;
        node.version = stamp_.second;
    }

    static Node* find(Node& node, std::string_view key) {
        for (Node& child : node.members) {
            if (child.key == key) return &child;
        }
        return nullptr;
    }
    static const Node* find(const Node& node, std::string_view key) {
        return find(const_cast<Node&>(node), key);
    }

    /// False for an object of nothing but nulls.
    static bool amounts_to_something(JsonValue value) {
        if (value.kind() == JsonKind::null) return false;
        if (!value.is_object() || value.size() == 0) return true;
        for (JsonValue v = value.first(); v.exists(); v = v.next()) {
            if (amounts_to_something(v)) return true;
        }
        return false;
    }

    bool merge_object(Node& target, JsonValue patch, std::string& told) {
        bool touched = false;
        std::string parts;
        for (JsonValue v = patch.first(); v.exists(); v = v.next()) {
            const std::string key(v.key());
            Node* child = find(target, key);
            std::string part = "null";
            if (v.kind() == JsonKind::null) {
                if (child == nullptr) continue;
                std::erase_if(target.members, [&key](const Node& m) { return m.key == key; });
            } else {
                if (child == nullptr && !amounts_to_something(v)) continue;
                const bool was_object = child != nullptr && child->is_object;
                if (child == nullptr) child = &target.members.emplace_back();
                child->key = key;
                if (v.is_object()) {
                    if (!was_object) {
                        *child = Node{};
                        child->key = key;
                    }
                    const bool inside = merge_object(*child, v, part);
                    if (!inside && was_object && v.size() > 0) continue;
                } else {
                    *child = leaf_of(v);
                    part = leaf_text(v, true);
                }
                stamp(*child);
            }
            touched = true;
            add(parts, key, part);
        }
        told = "{" + parts + "}";
        return touched;
    }

    void fill(Node& target, JsonValue content) const {
        stamp(target);
        for (JsonValue v = content.first(); v.exists(); v = v.next()) {
            if (v.kind() == JsonKind::null) continue;
            Node& child = target.members.emplace_back();
            child.key = v.key();
            if (v.is_object()) {
                fill(child, v);
            } else {
                child = leaf_of(v);
                stamp(child);
            }
        }
    }

    static std::string difference(const Node& before, const Node& after) {
        std::string parts;
        for (const Node& was : before.members) {
            const std::string& key = was.key;
            const Node* const is = find(after, key);
            if (is == nullptr) {
                add(parts, key, "null");
            } else if (was.is_object && is->is_object) {
                add(parts, key, difference(was, *is));
            } else {
                add(parts, key, ascii(value(*is)));
            }
        }
        for (const Node& is : after.members) {
            if (find(before, is.key) == nullptr) add(parts, is.key, ascii(value(is)));
        }
        return "{" + parts + "}";
    }

    static void add(std::string& parts, std::string_view key, std::string_view value) {
        if (!parts.empty()) parts += ',';
        append_json_string(parts, key, true);
        parts += ':';
        parts += value;
    }

    static Node leaf_of(JsonValue v) {
        Node node;
        node.key = v.key();
        node.is_object = false;
        node.leaf = leaf_text(v, false);
        node.leaf_counts = leaf_count(v);
        return node;
    }
    static std::string leaf_text(JsonValue v, bool as_ascii) {
        std::string text;
        if (v.is_string()) {
            append_json_string(text, v.string(), as_ascii);
        } else if (v.is_array() || v.is_object()) {
            text += v.is_array() ? '[' : '{';
            for (JsonValue child = v.first(); child.exists(); child = child.next()) {
                if (text.size() > 1) text += ',';
                if (v.is_object()) {
                    append_json_string(text, child.key(), as_ascii);
                    text += ':';
                }
                text += leaf_text(child, as_ascii);
            }
            text += v.is_array() ? ']' : '}';
        } else {
            text = v.raw();
        }
        return text;
    }
    static std::size_t leaf_count(JsonValue v) {
        if (v.is_boolean()) return 4;
        if (v.is_number()) return 8;
        if (v.is_string()) {
            std::size_t controls = 0;
            const std::string_view text = v.string();
            for (std::size_t i = 0; i < text.size(); ++i) {
                const auto c = static_cast<unsigned char>(text[i]);
                if (c < 0x20 || c == 0x7F) ++controls;
                if (c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0) controls += 2;
            }
            return text.size() - controls;
        }
        std::size_t sum = 0;
        for (JsonValue child = v.first(); child.exists(); child = child.next())
            sum += child.key().size() + leaf_count(child);
        return sum;
    }

    static std::size_t count(const Node& node) {
        std::size_t sum = node.leaf_counts;
        for (const Node& child : node.members) sum += child.key.size() + count(child);
        return sum;
    }
    static std::string value(const Node& node) {
        return node.is_object ? "{" + members(node) + "}" : node.leaf;
    }
    static std::string members(const Node& node) {
        std::string text;
        for (const Node& child : node.members) {
            if (!text.empty()) text += ',';
            append_json_string(text, child.key);
            text += ':' + value(child);
        }
        return text;
    }
    static std::string metadata(const Node& node) {
        std::string text = "{\"$lastUpdated\":\"" + to_iso8601(node.updated) + '"';
        if (node.version != 0) text += ",\"$lastUpdatedVersion\":" + std::to_string(node.version);
        for (const Node& child : node.members) {
            text += ',';
            append_json_string(text, child.key);
            text += ':' + metadata(child);
        }
        return text + "}";
    }
    /// JSON text with everything beyond ASCII escaped, by way of parsing it.
    static std::string ascii(const std::string& json) {
        const auto document = JsonDocument::parse(json);
        return leaf_text(document->root(), true);
    }

    Node root_;
    std::int64_t version_ = 1;
    std::pair<WallTime, std::int64_t> stamp_;
};

}  // namespace carillon
