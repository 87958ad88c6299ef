#include "net/thread_buffers.hpp"

#include "base/result.hpp"

#include <openssl/bio.h>
#include <algorithm>
#include <cstring>

namespace carillon {
namespace {

ThreadBuffers& buffers_of(BIO* bio) {
    return *static_cast<ThreadBuffers*>(BIO_get_data(bio));
}

int read_unread(BIO* bio, char* out, std::size_t size, std::size_t* taken) {
    Bytes& unread = buffers_of(bio).unread;
    BIO_clear_retry_flags(bio);
    if (unread.empty()) {
        BIO_set_retry_read(bio);
        return 0;
    }
    *taken = std::min(size, unread.size());
    std::memcpy(out, unread.data(), *taken);
    unread = unread.subspan(*taken);
    return 1;
}

int write_output(BIO* bio, const char* bytes, std::size_t size, std::size_t* taken) {
    BIO_clear_retry_flags(bio);
    buffers_of(bio).output.append(bytes, size);
    *taken = size;
    return 1;
}

// OpenSSL flushes at the end of each flight, and asks much else that has no meaning here.
long control(BIO*, int command, long, void*) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/// Made once and kept for the life of the process, as OpenSSL's own methods are.
const BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
        BIO_METHOD* m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "carillon");
        CARILLON_ASSERT(m != nullptr);
        BIO_meth_set_read_ex(m, read_unread);
        BIO_meth_set_write_ex(m, write_output);
        BIO_meth_set_ctrl(m, control);
        return m;
    }();
    return made;
}

}  // namespace

void BioFree::operator()(bio_st* bio) const {
    BIO_free(bio);
}

ThreadBuffers::ThreadBuffers() : bio(BIO_new(method())) {
    CARILLON_ASSERT(bio != nullptr);
    BIO_set_data(bio.get(), this);
    BIO_set_init(bio.get(), 1);
}

std::string ThreadBuffers::take_queue() {
    if (pool_.empty()) return {};
    std::string queue = std::move(pool_.back());
    pool_.pop_back();
    return queue;
}

void ThreadBuffers::give_queue(std::string queue) {
    if (pool_.size() >= pooled_max || queue.capacity() > size) return;
    queue.clear();
    pool_.push_back(std::move(queue));
}

}  // namespace carillon
