// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The mock accelerator without Kokkos: its settings, its memory, its queues of work, its threads.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <numeric>
#include <vector>

namespace ocellus::mock {

/// Read once from the environment. The checks are switched off only by the tests of these checks.
struct Settings {
  std::uint64_t seed    = 0;     ///< OCELLUS_MOCK_SEED: orders everything whose order is open; 0 is the order of a loop
  bool deferred         = true;  ///< OCELLUS_MOCK_DEFER=0 runs each launch at once, which is easier to debug
  int team_size_max     = 64;    ///< OCELLUS_MOCK_TEAM_MAX
  int vector_length_max = 4;     ///< OCELLUS_MOCK_LANES, a power of two

  bool closes_memory    = true;  ///< device memory is out of the host's reach outside kernels and copies
  bool poisons          = true;  ///< fresh memory and scratch are filled with 0xff: NaN, or -1
  bool guards           = true;  ///< what lies around an allocation is watched
  bool traps_host_views = true;  ///< a kernel that uses a host View, or host code that uses a device View, stops the program
  bool real_teams       = true;  ///< false: barriers do nothing, a thread of a team runs from its beginning to its end
  bool checks_team_size = true;
  bool keeps_freed      = true;  ///< freed memory stays out of reach until what was launched before has run

  /// Threads of a team where the caller leaves it to Kokkos::AUTO; depends on the seed, because no kernel may rely on it.
  [[nodiscard]] int automatic_team_size() const;
};
[[nodiscard]] Settings& settings();

/// Says what is wrong and ends the program.
[[noreturn]] void fail(char const* format, ...) __attribute__((format(printf, 1, 2)));

// ---- Order ----

/// A number below `limit`; always 0 when the seed is 0.
[[nodiscard]] std::uint64_t arbitrary(std::uint64_t limit);

/// Calls `body(i)` once for each i in [begin, end), in an order that follows from the seed.
template <class Index, class Body>
void in_any_order(Index begin, Index end, Body const& body) {
  if (!(begin < end)) return;
  auto const count   = static_cast<std::uint64_t>(end - begin);
  std::uint64_t step = 1;
  if (settings().seed != 0) {
    do step = 1 + arbitrary(count);
    while (std::gcd(step, count) != 1);
  }
  std::uint64_t at = arbitrary(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    body(static_cast<Index>(begin + static_cast<Index>(at)));
    at += step;
    if (at >= count) at -= count;
  }
}

// ---- Memory ----

/// A block of pages of its own for each allocation. The data ends as close to the block's end as its alignment of 64 bytes allows; the rest of the block is
/// filled with a pattern that must stay as it is; the page behind the block is never accessible.
[[nodiscard]] void* allocate(char const* label, std::size_t bytes);
void deallocate(void* data);

/// Whether an address is the first of an allocation: Kokkos keeps its record of the allocation there.
[[nodiscard]] bool starts_allocation(void const* address);

/// While one of these lives, the host reaches device memory: what is allocated and not freed.
class Access {
 public:
  Access();
  ~Access();
  Access(Access const&)            = delete;
  Access& operator=(Access const&) = delete;
};

/// Whether a kernel runs now.
extern bool in_kernel;

/// Scratch memory of one team, poisoned anew for each; what lies behind it must stay as it is.
class Scratch {
 public:
  Scratch(int level, std::size_t bytes);
  [[nodiscard]] void* data() { return memory_.data(); }
  [[nodiscard]] std::size_t size() const { return bytes_; }
  void begin_team();
  void end_team() const;

 private:
  struct alignas(64) Line {
    unsigned char bytes[64];
  };
  int level_;
  std::size_t bytes_;
  std::vector<Line> memory_;
};

// ---- Queues ----

/// Launches and copies of one instance in their order. They run when somebody waits for them.
class Queue {
 public:
  Queue();
  ~Queue();
  Queue(Queue const&)            = delete;
  Queue& operator=(Queue const&) = delete;

  /// `what` names a kernel; nullptr stands for a copy.
  void add(char const* what, std::function<void()> work);
  void run();
  [[nodiscard]] std::uint32_t id() const { return id_; }

  /// Runs all queues until they are empty, taking turns in an order that follows from the seed.
  static void run_all();
  /// That of default-constructed instances.
  static std::shared_ptr<Queue> const& standard();

 private:
  struct Item {
    char const* what;
    std::function<void()> work;
  };
  void run_next();
  static bool all_empty();

  std::uint32_t id_;
  std::size_t next_ = 0;
  std::vector<Item> items_;
};

// ---- Threads of a team ----

/// `threads` x `lanes` fibres: each has a stack of its own and runs until it waits. So barriers are real, and which fibre goes on is open.
class Fibres {
 public:
  Fibres(int threads, int lanes);

  /// Every fibre calls `body(its number)`; returns when all have returned. A barrier that some never reach ends the program.
  template <class Body>
  void run(Body const& body) {
    run([](void const* b, int fibre) { (*static_cast<Body const*>(b))(fibre); }, &body);
  }

  void team_barrier(int fibre);    ///< of all fibres
  void thread_barrier(int fibre);  ///< of the lanes of this fibre's thread

  [[nodiscard]] int threads() const { return threads_; }
  [[nodiscard]] int lanes() const { return lanes_; }
  /// Where a fibre leaves what it has to tell the others.
  [[nodiscard]] void const*& slot(int fibre) { return slots_[static_cast<std::size_t>(fibre)]; }

 private:
  enum class State : char { ready, at_team_barrier, at_thread_barrier, returned };

  void run(void (*body)(void const*, int), void const* argument);
  void wait(int fibre, State state);
  [[noreturn]] void fail_at_barrier() const;
  static void fibre_main();

  int threads_, lanes_;
  std::vector<State> states_;
  std::vector<int> ready_;
  std::size_t next_ready_ = 0;
  int at_team_barrier_    = 0;
  std::vector<int> at_thread_barrier_;
  std::vector<void const*> slots_;
  void (*body_)(void const*, int) = nullptr;
  void const* argument_           = nullptr;
};

}  // namespace ocellus::mock
