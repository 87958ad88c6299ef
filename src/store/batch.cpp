#include "store/store.hpp"

#include <iterator>
#include <utility>

namespace carillon {

void Batch::put(Table table, std::string key, std::string value) {
    bytes_ += key.size() + value.size();
    ops_.push_back({Op::Kind::put, table, std::move(key), std::move(value)});
}

void Batch::erase(Table table, std::string key) {
    bytes_ += key.size();
    ops_.push_back({Op::Kind::erase, table, std::move(key), {}});
}

void Batch::erase_range(Table table, std::string from, std::string to) {
    bytes_ += from.size() + to.size();
    ops_.push_back({Op::Kind::erase_range, table, std::move(from), std::move(to)});
}

void Batch::append(Batch&& other) {
    bytes_ += other.bytes_;
    if (ops_.empty()) {
        ops_ = std::move(other.ops_);
    } else {
        ops_.insert(ops_.end(), std::make_move_iterator(other.ops_.begin()),
                    std::make_move_iterator(other.ops_.end()));
    }
    other.ops_.clear();
    other.bytes_ = 0;
}

}  // namespace carillon
