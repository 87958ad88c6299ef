#include "model/key_list.hpp"

#include "base/pack.hpp"

#include <algorithm>

namespace carillon {
namespace {

/// Reads the next key over the one before it.
void read_key(Unpacker& in, std::string& key) {
    const auto shared = in.number();
    const auto rest = in.text();
    key.resize(std::min<std::size_t>(key.size(), shared));
    key += rest;
}

}  // namespace

std::string KeyList::text_of(const IdentityKey& key) {
    std::string text = key.device.str();
    if (key.is_module()) {
        text.push_back('\0');
        text += key.module;
    }
    return text;
}

void KeyList::append(std::string_view key) {
    std::size_t shared = 0;
    if (size_ % stride == 0) {
        restarts_.push_back(static_cast<std::uint32_t>(bytes_.size()));
    } else {
        const auto [a, b] = std::mismatch(key.begin(), key.end(), last_.begin(), last_.end());
        shared = static_cast<std::size_t>(a - key.begin());
    }
    Packer pack{bytes_};
    pack.number(shared);
    pack.text(key.substr(shared));
    last_ = key;
    ++size_;
}

bool KeyList::append_encoded(std::string_view bytes, std::size_t count) {
    if (size_ % stride != 0) return false;
    Unpacker in{as_bytes(bytes)};
    std::size_t left = bytes.size();
    for (std::size_t i = 0; i < count; ++i) {
        if (i % stride == 0) {
            left = in.left();
            restarts_.push_back(static_cast<std::uint32_t>(bytes_.size() + bytes.size() - left));
        }
        const auto shared = in.number();
        if (i % stride == 0 && shared != 0) return false;
        in.text();
    }
    if (!in.at_end()) return false;
    bytes_ += bytes;
    size_ += count;
    return true;
}

std::string KeyList::get(std::size_t index) const {
    Unpacker in{as_bytes(std::string_view(bytes_).substr(restarts_[index / stride]))};
    std::string key;
    for (std::size_t i = 0; i <= index % stride; ++i) read_key(in, key);
    return key;
}

std::string_view KeyList::alone(std::size_t restart) const {
    Unpacker in{as_bytes(std::string_view(bytes_).substr(restarts_[restart]))};
    in.number();
    return in.text();
}

std::size_t KeyList::lower_bound(std::string_view key) const {
    // The last stretch that begins at or before `key`.
    std::size_t low = 0;
    std::size_t high = restarts_.size();
    while (low < high) {
        const auto middle = (low + high) / 2;
        if (alone(middle) <= key) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) return 0;
    const auto first = (low - 1) * stride;
    Unpacker in{as_bytes(std::string_view(bytes_).substr(restarts_[low - 1]))};
    std::string current;
    for (std::size_t i = first; i < std::min(first + stride, size_); ++i) {
        read_key(in, current);
        if (current >= key) return i;
    }
    return std::min(first + stride, size_);
}

void KeyList::clear() {
    *this = {};
}

}  // namespace carillon
