// What jemalloc reads before main. Huge pages: twins are a gigabyte of small blocks, and every 4 KiB page of
// it would cost a fault when a hub loads and a miss of the address cache when a job or a query passes. Where
// the kernel gives none, this asks in vain and harms nothing.

extern "C" {
extern const char* malloc_conf;
const char* malloc_conf = "thp:always";
}
