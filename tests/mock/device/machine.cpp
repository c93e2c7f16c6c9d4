// SPDX-License-Identifier: Apache-2.0

#include "machine.hpp"

#include <cxxabi.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <string>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace ocellus::mock {

void fail(char const* format, ...) {
  std::fputs("Mock accelerator: ", stderr);
  va_list arguments;
  va_start(arguments, format);
  std::vfprintf(stderr, format, arguments);
  va_end(arguments);
  std::fprintf(stderr, " (OCELLUS_MOCK_SEED=%llu)\n", static_cast<unsigned long long>(settings().seed));
  std::fflush(stderr);
  std::abort();
}

// ---- Settings and order ----

namespace {

/// What a kernel's functor is called in the source.
std::string readable(char const* mangled) {
  int status      = 0;
  char* const got = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
  std::string name(status == 0 ? got : mangled);
  std::free(got);
  return name.size() > 300 ? name.substr(0, 297) + "..." : name;
}

long environment(char const* name, long otherwise) {
  char const* const text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtol(text, nullptr, 10);
}

}  // namespace

int Settings::automatic_team_size() const {
  constexpr int sizes[] = {4, 1, 7, 2};
  return std::min(sizes[seed % 4], team_size_max);
}

Settings& settings() {
  static Settings instance = [] {
    Settings s;
    s.seed              = static_cast<std::uint64_t>(environment("OCELLUS_MOCK_SEED", 0));
    s.deferred          = environment("OCELLUS_MOCK_DEFER", 1) != 0;
    s.team_size_max     = static_cast<int>(environment("OCELLUS_MOCK_TEAM_MAX", s.team_size_max));
    s.vector_length_max = static_cast<int>(environment("OCELLUS_MOCK_LANES", s.vector_length_max));
    return s;
  }();
  return instance;
}

std::uint64_t arbitrary(std::uint64_t limit) {
  static std::uint64_t state = settings().seed;
  if (settings().seed == 0) return 0;
  std::uint64_t x = state += 0x9e3779b97f4a7c15u;  // splitmix64
  x               = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x               = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return (x ^ (x >> 31)) % limit;
}

// ---- Memory ----

bool in_kernel = false;

namespace {

constexpr unsigned char poison_byte = 0xff;
constexpr std::size_t alignment     = 64;

struct Block {
  char* begin       = nullptr;
  std::size_t size  = 0;  ///< whole pages; one more page, never accessible, follows
  char* data        = nullptr;
  std::size_t bytes = 0;
  bool is_live      = false;
  std::string label;

  void protect(int protection) const {
    if (mprotect(begin, size, protection) != 0) fail("mprotect failed on %zu bytes (perhaps vm.max_map_count is too low)", size);
  }
  [[nodiscard]] bool surroundings_intact() const {
    auto const untouched = [](char c) { return static_cast<unsigned char>(c) == poison_byte; };
    return std::all_of(begin, data, untouched) && std::all_of(data + bytes, begin + size, untouched);
  }
};

struct Memory {
  static constexpr std::size_t reserved = std::size_t{16} << 30;

  std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  char* arena      = nullptr;
  char* top        = nullptr;
  std::map<char*, Block> blocks;                ///< by their first byte
  std::multimap<std::size_t, char*> available;  ///< freed blocks by size
  std::vector<char*> quarantine;                ///< freed while work was waiting that may use them
  int depth           = 0;                      ///< of Access
  char const* running = nullptr;                ///< the kernel that runs
  std::size_t waiting = 0;                      ///< items in all queues

  Memory() {
    void* const place = mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (place == MAP_FAILED) fail("mmap of %zu bytes of address space failed", reserved);
    arena = top = static_cast<char*>(place);
    // A fault on a fibre's exhausted stack needs another stack to be reported on.
    static char signal_stack[64 << 10];
    stack_t stack{};
    stack.ss_sp   = signal_stack;
    stack.ss_size = sizeof signal_stack;
    sigaltstack(&stack, nullptr);
    struct sigaction action {};
    action.sa_sigaction = explain_fault;
    action.sa_flags     = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
  }

  static Memory& get() {
    static auto* const memory = new Memory;  // never destroyed: Views may outlive it
    return *memory;
  }

  Block const* find(void const* address) const {
    auto* const a = static_cast<char*>(const_cast<void*>(address));
    if (a < arena || a >= arena + reserved) return nullptr;
    auto const after = blocks.upper_bound(a);
    return after == blocks.begin() ? nullptr : &std::prev(after)->second;
  }

  [[nodiscard]] std::string kernel() const { return running == nullptr ? "(none)" : readable(running); }

  static void explain_fault(int, siginfo_t* info, void*) {
    Memory& memory     = get();
    auto const* block  = memory.find(info->si_addr);
    auto const address = static_cast<char const*>(info->si_addr);
    if (block == nullptr) {  // not ours, or a fibre's stack
      std::fprintf(stderr, "Mock accelerator: segmentation fault at %p, kernel %s\n", info->si_addr, memory.kernel().c_str());
      signal(SIGSEGV, SIG_DFL);
      return;
    }
    char const* const label = block->label.c_str();
    long const offset       = static_cast<long>(address - block->data);
    if (memory.running == nullptr)
      fail("the host touched device memory outside kernels and copies: allocation \"%s\", byte %ld of %zu", label, offset, block->bytes);
    if (!block->is_live) fail("kernel %s touched freed memory: allocation \"%s\", byte %ld of %zu", memory.kernel().c_str(), label, offset, block->bytes);
    fail("kernel %s touched memory outside an allocation: near \"%s\", byte %ld of %zu", memory.kernel().c_str(), label, offset, block->bytes);
  }

  void check_surroundings() {
    if (!settings().guards) return;
    for (auto const& [begin, block] : blocks) {
      if (block.is_live && !block.surroundings_intact())
        fail("kernel %s wrote outside an allocation: next to \"%s\" of %zu bytes", kernel().c_str(), block.label.c_str(), block.bytes);
    }
  }

  void release_quarantine() {
    for (char* const begin : quarantine) available.emplace(blocks.at(begin).size, begin);
    quarantine.clear();
  }
};

}  // namespace

void* allocate(char const* label, std::size_t bytes) {
  Memory& memory         = Memory::get();
  std::size_t const size = (bytes + alignment + memory.page - 1) / memory.page * memory.page;
  auto const found       = memory.available.lower_bound(size);
  char* begin;
  if (found != memory.available.end() && found->first <= size + size / 4) {
    begin = found->second;
    memory.available.erase(found);
  } else {
    begin = memory.top;
    if (memory.top + size + memory.page > memory.arena + Memory::reserved) fail("out of memory: %zu bytes for \"%s\"", bytes, label);
    memory.top += size + memory.page;
    memory.blocks[begin].begin = begin;
    memory.blocks[begin].size  = size;
  }
  Block& block  = memory.blocks[begin];
  block.data    = begin + (block.size - bytes) / alignment * alignment;
  block.bytes   = bytes;
  block.label   = label;
  block.is_live = true;
  block.protect(PROT_READ | PROT_WRITE);
  std::memset(begin, poison_byte, block.size);
  if (!settings().poisons) std::memset(block.data, 0, bytes);
  if (settings().closes_memory && memory.depth == 0) block.protect(PROT_NONE);
  return block.data;
}

void deallocate(void* data) {
  if (data == nullptr) return;
  Memory& memory = Memory::get();
  auto* block    = const_cast<Block*>(memory.find(data));
  if (block == nullptr || block->data != data || !block->is_live) fail("memory was freed that is not allocated: %p", data);
  if (settings().guards) {
    block->protect(PROT_READ | PROT_WRITE);
    if (!block->surroundings_intact()) fail("something wrote outside an allocation: next to \"%s\" of %zu bytes", block->label.c_str(), block->bytes);
  }
  block->is_live = false;
  block->protect(settings().keeps_freed ? PROT_NONE : PROT_READ | PROT_WRITE);
  if (settings().keeps_freed && memory.waiting > 0)
    memory.quarantine.push_back(block->begin);
  else
    memory.available.emplace(block->size, block->begin);
}

bool starts_allocation(void const* address) {
  Block const* const block = Memory::get().find(address);
  return block != nullptr && block->data == address;
}

Access::Access() {
  Memory& memory = Memory::get();
  if (memory.depth++ > 0 || !settings().closes_memory) return;
  for (auto const& [begin, block] : memory.blocks) {
    if (block.is_live) block.protect(PROT_READ | PROT_WRITE);
  }
}

Access::~Access() {
  Memory& memory = Memory::get();
  if (--memory.depth > 0 || !settings().closes_memory) return;
  for (auto const& [begin, block] : memory.blocks) {
    if (block.is_live) block.protect(PROT_NONE);
  }
}

Scratch::Scratch(int level, std::size_t bytes) : level_(level), bytes_(bytes), memory_(bytes == 0 ? 0 : (bytes + 63) / 64 + 1) {}

void Scratch::begin_team() {
  if (memory_.empty()) return;
  std::memset(memory_.data(), poison_byte, memory_.size() * sizeof(Line));
  if (!settings().poisons) std::memset(memory_.data(), 0, bytes_);
}

void Scratch::end_team() const {
  if (memory_.empty() || !settings().guards) return;
  auto const* const bytes = memory_.front().bytes;
  for (std::size_t i = bytes_; i < memory_.size() * sizeof(Line); ++i) {
    if (bytes[i] != poison_byte)
      fail("kernel %s wrote past the end of its scratch memory of level %d, %zu bytes", Memory::get().kernel().c_str(), level_, bytes_);
  }
}

// ---- Queues ----

namespace {

std::vector<Queue*>& queues() {
  static auto* const all = new std::vector<Queue*>;
  return *all;
}

}  // namespace

Queue::Queue() {
  static std::uint32_t last = 0;
  id_                       = ++last;
  queues().push_back(this);
}

Queue::~Queue() {
  run();
  queues().erase(std::find(queues().begin(), queues().end(), this));
}

void Queue::add(char const* what, std::function<void()> work) {
  if (in_kernel) fail("kernel %s launches another or copies", Memory::get().kernel().c_str());
  items_.push_back({what, std::move(work)});
  ++Memory::get().waiting;
  if (!settings().deferred) run();
}

void Queue::run_next() {
  Memory& memory  = Memory::get();
  Item const item = std::move(items_[next_++]);
  if (item.what != nullptr) {
    memory.running = item.what;
    in_kernel      = true;
  }
  item.work();
  in_kernel = false;
  if (item.what != nullptr) memory.check_surroundings();
  memory.running = nullptr;
  --memory.waiting;
  if (next_ == items_.size()) {
    items_.clear();
    next_ = 0;
  }
}

void Queue::run() {
  if (in_kernel) fail("kernel %s waits for an instance", Memory::get().kernel().c_str());
  if (items_.empty()) return;
  {
    Access const access;
    while (!items_.empty()) run_next();
  }
  if (Memory::get().waiting == 0) Memory::get().release_quarantine();
}

void Queue::run_all() {
  if (in_kernel) fail("kernel %s waits for all instances", Memory::get().kernel().c_str());
  if (Memory::get().waiting > 0) {
    Access const access;
    std::vector<Queue*> busy;
    for (;;) {
      busy.clear();
      for (Queue* const queue : queues()) {
        if (!queue->items_.empty()) busy.push_back(queue);
      }
      if (busy.empty()) break;
      busy[arbitrary(busy.size())]->run_next();
    }
  }
  Memory::get().release_quarantine();
}

std::shared_ptr<Queue> const& Queue::standard() {
  static auto* const queue = new std::shared_ptr<Queue>(std::make_shared<Queue>());
  return *queue;
}

// ---- Fibres ----

namespace {

#if defined(__x86_64__)
// Saves what a function must preserve and the stack pointer in *save, and goes on where `load` was saved.
extern "C" void ocellus_mock_switch(void** save, void* load);
asm(R"(
  .text
  .p2align 4
  .type ocellus_mock_switch, @function
ocellus_mock_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size ocellus_mock_switch, .-ocellus_mock_switch
)");

class Context {
 public:
  void prepare(char* stack, std::size_t size, void (*entry)()) {
    auto** const top = reinterpret_cast<void**>(stack + size);
    top[-1]          = nullptr;  // where entry would return to
    top[-2]          = reinterpret_cast<void*>(entry);
    std::fill(top - 8, top - 2, nullptr);  // the six registers
    pointer_ = top - 8;
  }
  void switch_to(Context const& other) { ocellus_mock_switch(&pointer_, other.pointer_); }

 private:
  void* pointer_ = nullptr;
};
#else
class Context {
 public:
  void prepare(char* stack, std::size_t size, void (*entry)()) {
    getcontext(&context_);
    context_.uc_stack.ss_sp   = stack;
    context_.uc_stack.ss_size = size;
    context_.uc_link          = nullptr;
    makecontext(&context_, entry, 0);
  }
  void switch_to(Context const& other) { swapcontext(&context_, &other.context_); }

 private:
  ucontext_t context_{};
};
#endif

constexpr std::size_t stack_size = 512 << 10;

// Contexts and stacks are made once and serve every team after.
struct Pool {
  Context scheduler;
  std::deque<Context> contexts;  // they must stay where they are
  Fibres* team = nullptr;
  int current  = 0;

  void grow(int fibres, void (*entry)()) {
    while (contexts.size() < static_cast<std::size_t>(fibres)) {
      void* const stack = mmap(nullptr, stack_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      if (stack == MAP_FAILED || mprotect(stack, 4096, PROT_NONE) != 0) fail("no memory for the stack of a fibre");
      contexts.emplace_back().prepare(static_cast<char*>(stack), stack_size, entry);
    }
  }
  static Pool& get() {
    static auto* const pool = new Pool;
    return *pool;
  }
};

}  // namespace

Fibres::Fibres(int threads, int lanes)
    : threads_(threads),
      lanes_(lanes),
      states_(static_cast<std::size_t>(threads * lanes)),
      at_thread_barrier_(static_cast<std::size_t>(threads)),
      slots_(static_cast<std::size_t>(threads * lanes)) {}

void Fibres::fibre_main() {
  Pool& pool = Pool::get();
  for (;;) {
    int const me = pool.current;
    Fibres& team = *pool.team;
    team.body_(team.argument_, me);
    team.wait(me, State::returned);
  }
}

void Fibres::run(void (*body)(void const*, int), void const* argument) {
  int const fibres = threads_ * lanes_;
  if (fibres == 1) return body(argument, 0);
  body_      = body;
  argument_  = argument;
  Pool& pool = Pool::get();
  pool.grow(fibres, fibre_main);
  pool.team = this;
  ready_.resize(static_cast<std::size_t>(fibres));
  std::iota(ready_.begin(), ready_.end(), 0);
  std::fill(states_.begin(), states_.end(), State::ready);
  next_ready_ = 0;
  while (next_ready_ < ready_.size()) {
    std::swap(ready_[next_ready_], ready_[next_ready_ + arbitrary(ready_.size() - next_ready_)]);
    pool.current = ready_[next_ready_++];
    pool.scheduler.switch_to(pool.contexts[static_cast<std::size_t>(pool.current)]);
    if (next_ready_ == ready_.size()) {
      ready_.clear();
      next_ready_ = 0;
    }
  }
  if (!std::all_of(states_.begin(), states_.end(), [](State s) { return s == State::returned; })) fail_at_barrier();
}

void Fibres::wait(int fibre, State state) {
  states_[static_cast<std::size_t>(fibre)] = state;
  Pool& pool                               = Pool::get();
  pool.contexts[static_cast<std::size_t>(fibre)].switch_to(pool.scheduler);
}

void Fibres::team_barrier(int fibre) {
  int const fibres = threads_ * lanes_;
  if (fibres == 1 || !settings().real_teams) return;
  if (++at_team_barrier_ == fibres) {
    at_team_barrier_ = 0;
    for (int i = 0; i < fibres; ++i) ready_.push_back(i);
  }
  wait(fibre, State::at_team_barrier);
}

void Fibres::thread_barrier(int fibre) {
  if (lanes_ == 1 || !settings().real_teams) return;
  int const thread = fibre / lanes_;
  int& arrived     = at_thread_barrier_[static_cast<std::size_t>(thread)];
  if (++arrived == lanes_) {
    arrived = 0;
    for (int i = thread * lanes_; i < (thread + 1) * lanes_; ++i) ready_.push_back(i);
  }
  wait(fibre, State::at_thread_barrier);
}

void Fibres::fail_at_barrier() const {
  auto const count = [this](State state) { return static_cast<int>(std::count(states_.begin(), states_.end(), state)); };
  fail(
      "in kernel %s a barrier is not reached by all: of %d threads x %d lanes, %d wait at a team barrier, %d wait for the other lanes of their thread, %d have "
      "returned",
      Memory::get().kernel().c_str(), threads_, lanes_, count(State::at_team_barrier), count(State::at_thread_barrier), count(State::returned));
}

}  // namespace ocellus::mock
