// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Everything that the mock needs of Kokkos beyond its documented interface. Its tests pass on 4.5.1, 4.6.1 and 4.6.99 (the development version before 4.7,
/// with the View on mdspan; GCC 12 needs kokkos/kokkos#8223 there); where these differ, a comment says so.

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstring>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "launch.hpp"
#include "machine.hpp"
#include "space.hpp"
#include "team.hpp"

// ---- Tools: what kind of device this is ----

template <>
struct Kokkos::Tools::Experimental::DeviceTypeTraits<ocellus::mock::Mock> {
  static constexpr DeviceType id = DeviceType::Unknown;
  static int device_id(ocellus::mock::Mock const&) { return 0; }
};

// ---- Memory: who reaches what, and how it is copied ----

KOKKOS_IMPL_HOST_INACCESSIBLE_SHARED_ALLOCATION_SPECIALIZATION(ocellus::mock::MockSpace);

namespace Kokkos::Impl {

template <>
struct MemorySpaceAccess<HostSpace, ocellus::mock::MockSpace> {
  enum : bool { assignable = false, accessible = false, deepcopy = true };
};
template <>
struct MemorySpaceAccess<ocellus::mock::MockSpace, HostSpace> {
  enum : bool { assignable = false, accessible = false, deepcopy = true };
};
template <>
struct MemorySpaceAccess<ocellus::mock::MockSpace, ocellus::mock::Mock::scratch_memory_space> {
  enum : bool { assignable = false, accessible = true, deepcopy = false };
};

}  // namespace Kokkos::Impl

namespace ocellus::mock {

// A copy takes its place in the queue. Kokkos' record at the head of an allocation is none of the kernels' business and is written at once; what comes from the
// host is read at once, as a GPU's runtime does with memory that is not pinned.
inline void copy_later(Mock const& exec, void* to, void const* from, std::size_t bytes, bool from_host) {
  if (bytes == 0) return;
  if (starts_allocation(to)) {
    Access const access;
    std::memcpy(to, from, bytes);
  } else if (from_host) {
    auto const* const begin = static_cast<char const*>(from);
    exec.queue().add(nullptr, [to, staged = std::vector<char>(begin, begin + bytes)] { std::memcpy(to, staged.data(), staged.size()); });
  } else {
    exec.queue().add(nullptr, [to, from, bytes] { std::memcpy(to, from, bytes); });
  }
}
inline void copy_now(void* to, void const* from, std::size_t bytes) {
  Queue::run_all();
  Access const access;
  if (bytes > 0) std::memcpy(to, from, bytes);
}

template <class Exec, bool FromHost>
struct Copy {
  Copy(void* to, void const* from, std::size_t bytes) { copy_now(to, from, bytes); }
  Copy(Exec const& exec, void* to, void const* from, std::size_t bytes) {
    if constexpr (std::is_same_v<Exec, Mock>) {
      copy_later(exec, to, from, bytes, FromHost);
    } else {
      exec.fence("Mock: fence before a copy on another execution space");
      copy_now(to, from, bytes);
    }
  }
};

}  // namespace ocellus::mock

namespace Kokkos::Impl {

template <class Exec>
struct DeepCopy<ocellus::mock::MockSpace, ocellus::mock::MockSpace, Exec> : ocellus::mock::Copy<Exec, false> {
  using ocellus::mock::Copy<Exec, false>::Copy;
};
template <class Exec>
struct DeepCopy<ocellus::mock::MockSpace, HostSpace, Exec> : ocellus::mock::Copy<Exec, true> {
  using ocellus::mock::Copy<Exec, true>::Copy;
};
template <class Exec>
struct DeepCopy<HostSpace, ocellus::mock::MockSpace, Exec> : ocellus::mock::Copy<Exec, false> {
  using ocellus::mock::Copy<Exec, false>::Copy;
};
template <>
struct ZeroMemset<ocellus::mock::Mock> {
  ZeroMemset(ocellus::mock::Mock const& exec, void* to, std::size_t bytes) {
    exec.queue().add(nullptr, [to, bytes] { std::memset(to, 0, bytes); });
  }
};

}  // namespace Kokkos::Impl

// ---- Views: every access asks whether it is made where its memory is ----

namespace ocellus::mock {

/// What Kokkos constructs at an access: it may pass a message, the tracker of the View's allocation, and its mapping.
template <bool OfDevice>
struct CheckAccess {
  CheckAccess(char const*) { check(nullptr); }
  CheckAccess(Kokkos::Impl::SharedAllocationTracker const& tracker) { check(&tracker); }
  template <class Track, class Map>
  CheckAccess(char const*, Track const& track, Map const&) {
    check(&track.m_tracker);
  }

 private:
  static void check(Kokkos::Impl::SharedAllocationTracker const* tracker) {
    if (in_kernel != OfDevice && settings().traps_host_views) {
      std::string const label = tracker == nullptr ? "" : tracker->get_label<void>();
      fail(OfDevice ? "host code accesses a View in device memory, \"%s\"" : "a kernel accesses a View in host memory, \"%s\"", label.c_str());
    }
  }
};

}  // namespace ocellus::mock

#define OCELLUS_MOCK_CHECK_ACCESS(CHECK)                                                                                                               \
  template <>                                                                                                                                          \
  struct Kokkos::Impl::CHECK<ocellus::mock::MockSpace, Kokkos::DefaultHostExecutionSpace, false> : ocellus::mock::CheckAccess<true> {                  \
    using ocellus::mock::CheckAccess<true>::CheckAccess;                                                                                               \
  };                                                                                                                                                   \
  template <>                                                                                                                                          \
  struct Kokkos::Impl::CHECK<ocellus::mock::Mock::scratch_memory_space, Kokkos::DefaultHostExecutionSpace, false> : ocellus::mock::CheckAccess<true> { \
    using ocellus::mock::CheckAccess<true>::CheckAccess;                                                                                               \
  };                                                                                                                                                   \
  template <>                                                                                                                                          \
  struct Kokkos::Impl::CHECK<Kokkos::HostSpace, Kokkos::DefaultHostExecutionSpace, true> : ocellus::mock::CheckAccess<false> {                         \
    using ocellus::mock::CheckAccess<false>::CheckAccess;                                                                                              \
  }
OCELLUS_MOCK_CHECK_ACCESS(RuntimeCheckMemoryAccessViolation);
#if defined(KOKKOS_EXPERIMENTAL_VIEW_MAPPING_HPP)  // the View of 4.5 and before; later versions may have it beside the one on mdspan
OCELLUS_MOCK_CHECK_ACCESS(RuntimeCheckViewMemoryAccessViolation);
#endif
#if __has_include(<View/Kokkos_ViewAccessPreconditionsCheck.hpp>)  // the View on mdspan, from 4.6
OCELLUS_MOCK_CHECK_ACCESS(RuntimeCheckBasicViewMemoryAccessViolation);
#endif
#undef OCELLUS_MOCK_CHECK_ACCESS

// ---- The policy of teams ----

template <class... Properties>
class Kokkos::Impl::TeamPolicyInternal<ocellus::mock::Mock, Properties...> : public PolicyTraits<Properties...> {
 public:
  using execution_policy = TeamPolicyInternal;
  using traits           = PolicyTraits<Properties...>;
  using execution_space  = ocellus::mock::Mock;
  using member_type      = ocellus::mock::TeamMember;

  TeamPolicyInternal(execution_space const& space, int league_size, int team_size, int vector_length = 1)
      : space_(space), league_size_(league_size), team_size_(team_size), vector_length_(vector_length) {
    auto const& settings = ocellus::mock::settings();
    if (!settings.checks_team_size) return;
    if (team_size < 1 || team_size > settings.team_size_max)
      ocellus::mock::fail("team size %d is asked for, but team_size_max is %d", team_size, settings.team_size_max);
    if (vector_length < 1 || vector_length > settings.vector_length_max || (vector_length & (vector_length - 1)) != 0)
      ocellus::mock::fail("vector length %d is asked for, but must be a power of two of at most %d", vector_length, settings.vector_length_max);
  }
  TeamPolicyInternal(execution_space const& space, int league_size, AUTO_t, int vector_length = 1)
      : TeamPolicyInternal(space, league_size, automatic(), vector_length) {
    auto_team_size_ = true;
  }
  TeamPolicyInternal(execution_space const& space, int league_size, int team_size, AUTO_t)
      : TeamPolicyInternal(space, league_size, team_size, vector_length_max()) {
    auto_vector_length_ = true;
  }
  TeamPolicyInternal(execution_space const& space, int league_size, AUTO_t, AUTO_t) : TeamPolicyInternal(space, league_size, automatic(), vector_length_max()) {
    auto_team_size_ = auto_vector_length_ = true;
  }
  template <class TeamSize, class VectorLength = int>
  TeamPolicyInternal(int league_size, TeamSize team_size, VectorLength vector_length = VectorLength(1))
      : TeamPolicyInternal(execution_space(), league_size, team_size, vector_length) {}
  template <class... Others>
  TeamPolicyInternal(TeamPolicyInternal<ocellus::mock::Mock, Others...> const& other)
      : space_(other.space_),
        league_size_(other.league_size_),
        team_size_(other.team_size_),
        vector_length_(other.vector_length_),
        chunk_size_(other.chunk_size_),
        auto_team_size_(other.auto_team_size_),
        auto_vector_length_(other.auto_vector_length_) {
    std::copy_n(other.per_team_, 2, per_team_);
    std::copy_n(other.per_thread_, 2, per_thread_);
  }

  execution_space const& space() const { return space_; }
  int league_size() const { return league_size_; }
  int team_size() const { return team_size_; }
  int chunk_size() const { return chunk_size_; }
  int impl_vector_length() const { return vector_length_; }
  bool impl_auto_team_size() const { return auto_team_size_; }
  bool impl_auto_vector_length() const { return auto_vector_length_; }
  void impl_set_team_size(std::size_t size) { team_size_ = static_cast<int>(size); }
  void impl_set_vector_length(std::size_t length) { vector_length_ = static_cast<int>(length); }

  template <class... Any>
  int team_size_max(Any const&...) const {
    return ocellus::mock::settings().team_size_max;
  }
  template <class... Any>
  int team_size_recommended(Any const&...) const {
    return automatic();
  }
  static int vector_length_max() { return ocellus::mock::settings().vector_length_max; }

  static int scratch_size_max(int level) { return level == 0 ? 48 << 10 : 20 << 20; }
  std::size_t team_scratch_size(int level) const { return per_team_[level]; }
  std::size_t thread_scratch_size(int level) const { return per_thread_[level]; }
  std::size_t scratch_size(int level, int team_size = -1) const {
    return per_team_[level] + per_thread_[level] * static_cast<std::size_t>(team_size < 0 ? team_size_ : team_size);
  }

  TeamPolicyInternal& set_chunk_size(typename traits::index_type size) {
    chunk_size_ = static_cast<int>(size);
    return *this;
  }
  TeamPolicyInternal& set_scratch_size(int level, PerTeamValue const& per_team) {
    per_team_[level] = per_team.value;
    return *this;
  }
  TeamPolicyInternal& set_scratch_size(int level, PerThreadValue const& per_thread) {
    per_thread_[level] = per_thread.value;
    return *this;
  }
  TeamPolicyInternal& set_scratch_size(int level, PerTeamValue const& per_team, PerThreadValue const& per_thread) {
    set_scratch_size(level, per_team);
    return set_scratch_size(level, per_thread);
  }

 private:
  template <class, class...>
  friend class TeamPolicyInternal;
  static int automatic() { return ocellus::mock::settings().automatic_team_size(); }

  execution_space space_;
  int league_size_, team_size_, vector_length_, chunk_size_ = 1;
  bool auto_team_size_ = false, auto_vector_length_ = false;
  std::size_t per_team_[2] = {0, 0}, per_thread_[2] = {0, 0};
};

// ---- The patterns: Kokkos chooses these by pattern, policy and execution space ----
// The same in 4.5.1, 4.6.1 and 4.6.99.

namespace Kokkos::Impl {

template <class Functor, class... Properties>
struct ParallelFor<Functor, RangePolicy<Properties...>, ocellus::mock::Mock> : ocellus::mock::For<Functor, RangePolicy<Properties...>> {
  using Policy = RangePolicy<Properties...>;
  ParallelFor(Functor const& functor, Policy const& policy) : ocellus::mock::For<Functor, Policy>(functor, policy, 0) {}
};
template <class Functor, class... Properties>
struct ParallelFor<Functor, MDRangePolicy<Properties...>, ocellus::mock::Mock> : ocellus::mock::For<Functor, MDRangePolicy<Properties...>> {
  using Policy = MDRangePolicy<Properties...>;
  ParallelFor(Functor const& functor, Policy const& policy) : ocellus::mock::For<Functor, Policy>(functor, policy, 0) {}
  template <class... Any>
  static int max_tile_size_product(Any const&...) {
    return 1024;
  }
};
// Kokkos names the pattern by TeamPolicy but passes what that is derived from.
template <class Functor, class... Properties>
struct ParallelFor<Functor, TeamPolicy<Properties...>, ocellus::mock::Mock>
    : ocellus::mock::For<Functor, TeamPolicyInternal<ocellus::mock::Mock, Properties...>> {
  using Policy = TeamPolicyInternal<ocellus::mock::Mock, Properties...>;
  ParallelFor(Functor const& functor, Policy const& policy)
      : ocellus::mock::For<Functor, Policy>(functor, policy, FunctorTeamShmemSize<Functor>::value(functor, policy.team_size())) {}
};

template <class Combined, class... Properties>
struct ParallelReduce<Combined, RangePolicy<Properties...>, ocellus::mock::Mock> : ocellus::mock::Reduce<Combined, RangePolicy<Properties...>> {
  using Policy = RangePolicy<Properties...>;
  template <class Result>
  ParallelReduce(Combined const& combined, Policy const& policy, Result const& result)
      : ocellus::mock::Reduce<Combined, Policy>(combined, policy, 0, result.data()) {}
};
template <class Combined, class... Properties>
struct ParallelReduce<Combined, MDRangePolicy<Properties...>, ocellus::mock::Mock> : ocellus::mock::Reduce<Combined, MDRangePolicy<Properties...>> {
  using Policy = MDRangePolicy<Properties...>;
  template <class Result>
  ParallelReduce(Combined const& combined, Policy const& policy, Result const& result)
      : ocellus::mock::Reduce<Combined, Policy>(combined, policy, 0, result.data()) {}
  template <class... Any>
  static int max_tile_size_product(Any const&...) {
    return 1024;
  }
};
template <class Combined, class... Properties>
struct ParallelReduce<Combined, TeamPolicy<Properties...>, ocellus::mock::Mock>
    : ocellus::mock::Reduce<Combined, TeamPolicyInternal<ocellus::mock::Mock, Properties...>> {
  using Policy  = TeamPolicyInternal<ocellus::mock::Mock, Properties...>;
  using Functor = typename Combined::functor_type;
  template <class Result>
  ParallelReduce(Combined const& combined, Policy const& policy, Result const& result)
      : ocellus::mock::Reduce<Combined, Policy>(combined, policy, FunctorTeamShmemSize<Functor>::value(combined.get_functor(), policy.team_size()),
                                                result.data()) {}
};

template <class Functor, class Policy, class Return>
using MockScan = ocellus::mock::Scan<Functor, Policy, FunctorAnalysis<FunctorPatternInterface::SCAN, Policy, Functor, Return>>;
template <class Functor, class... Properties>
struct ParallelScan<Functor, RangePolicy<Properties...>, ocellus::mock::Mock> : MockScan<Functor, RangePolicy<Properties...>, void> {
  using Policy = RangePolicy<Properties...>;
  ParallelScan(Functor const& functor, Policy const& policy) : MockScan<Functor, Policy, void>(functor, policy, nullptr) {}
};
template <class Functor, class Return, class... Properties>
struct ParallelScanWithTotal<Functor, RangePolicy<Properties...>, Return, ocellus::mock::Mock> : MockScan<Functor, RangePolicy<Properties...>, Return> {
  using Policy = RangePolicy<Properties...>;
  template <class Result>
  ParallelScanWithTotal(Functor const& functor, Policy const& policy, Result const& result)
      : MockScan<Functor, Policy, Return>(functor, policy, result.data()) {}
};

}  // namespace Kokkos::Impl

// ---- Nested loops: overloads beside those of the other backends ----

namespace ocellus::mock {

template <class Functor, class Value>
using NestedReducer = typename Kokkos::Impl::FunctorAnalysis<Kokkos::Impl::FunctorPatternInterface::REDUCE,
                                                             Kokkos::TeamPolicy<Kokkos::DefaultHostExecutionSpace>, Functor, Value>::Reducer;
template <class Closure>
using ScanValue = typename Kokkos::Impl::FunctorAnalysis<Kokkos::Impl::FunctorPatternInterface::SCAN, void, Closure, void>::value_type;

/// Reduces with what `functor` says of starting, joining and finishing: a reducer, or the loop's body, whose default is a sum.
template <class Value, Sharing How, class Index, class Closure, class Functor>
Value reduce_nested(NestedLoop<How, Index> const& loop, Closure const& closure, Functor const& functor) {
  NestedReducer<Functor, Value> const reducer(functor);
  Value identity;
  reducer.init(&identity);
  Value result = loop.reduce(identity, closure, [&](Value& a, Value const& b) { reducer.join(&a, &b); });
  reducer.final(&result);
  return result;
}

}  // namespace ocellus::mock

namespace Kokkos {

#define OCELLUS_MOCK_NESTED_RANGE(NAME, SHARING)                                                                                          \
  template <class Index>                                                                                                                  \
  auto NAME(ocellus::mock::TeamMember const& member, Index count) {                                                                       \
    return ocellus::mock::NestedLoop<ocellus::mock::Sharing::SHARING, Index>{member, Index(0), count};                                    \
  }                                                                                                                                       \
  template <class Begin, class End>                                                                                                       \
  auto NAME(ocellus::mock::TeamMember const& member, Begin begin, End end) {                                                              \
    using Index = std::common_type_t<Begin, End>;                                                                                         \
    return ocellus::mock::NestedLoop<ocellus::mock::Sharing::SHARING, Index>{member, static_cast<Index>(begin), static_cast<Index>(end)}; \
  }
OCELLUS_MOCK_NESTED_RANGE(TeamThreadRange, threads)
OCELLUS_MOCK_NESTED_RANGE(TeamVectorRange, threads_and_lanes)
OCELLUS_MOCK_NESTED_RANGE(ThreadVectorRange, lanes)
#undef OCELLUS_MOCK_NESTED_RANGE

template <ocellus::mock::Sharing How, class Index, class Closure>
void parallel_for(ocellus::mock::NestedLoop<How, Index> const& loop, Closure const& closure) {
  loop.for_each(closure);
}

template <ocellus::mock::Sharing How, class Index, class Closure, class Result>
void parallel_reduce(ocellus::mock::NestedLoop<How, Index> const& loop, Closure const& closure, Result const& reducer) requires is_reducer<Result>::value {
  reducer.reference() = ocellus::mock::reduce_nested<typename Result::value_type>(loop, closure, reducer);
}
template <ocellus::mock::Sharing How, class Index, class Closure, class Result>
void parallel_reduce(ocellus::mock::NestedLoop<How, Index> const& loop, Closure const& closure, Result& result) requires(!is_reducer<Result>::value) {
  result = ocellus::mock::reduce_nested<Result>(loop, closure, closure);
}

template <ocellus::mock::Sharing How, class Index, class Closure, class Result>
void parallel_scan(ocellus::mock::NestedLoop<How, Index> const& loop, Closure const& closure, Result const& reducer) requires is_reducer<Result>::value {
  typename Result::value_type identity;
  reducer.init(identity);
  reducer.reference() = loop.scan(identity, closure, [&](auto& a, auto const& b) { reducer.join(a, b); });
}
template <ocellus::mock::Sharing How, class Index, class Closure, class Result>
void parallel_scan(ocellus::mock::NestedLoop<How, Index> const& loop, Closure const& closure, Result& total) requires(!is_reducer<Result>::value) {
  static_assert(std::is_same_v<ocellus::mock::ScanValue<Closure>, Result>, "the total must be of the type that the loop's body adds to");
  total = loop.scan(Result{}, closure, [](Result& a, Result const& b) { a += b; });
}
template <ocellus::mock::Sharing How, class Index, class Closure>
void parallel_scan(ocellus::mock::NestedLoop<How, Index> const& loop, Closure const& closure) {
  ocellus::mock::ScanValue<Closure> total;
  parallel_scan(loop, closure, total);
}

inline ocellus::mock::OncePerTeam PerTeam(ocellus::mock::TeamMember const& member) { return {member}; }
inline ocellus::mock::OncePerThread PerThread(ocellus::mock::TeamMember const& member) { return {member}; }

template <class Function>
void single(ocellus::mock::OncePerTeam const& once, Function const& function) {
  if (once.member.team_rank() == 0 && once.member.lane() == 0) function();
  once.member.thread_barrier();
}
template <class Function, class Value>
void single(ocellus::mock::OncePerTeam const& once, Function const& function, Value& value) {
  if (once.member.team_rank() == 0 && once.member.lane() == 0) function(value);
  once.member.lane_broadcast(value);
  once.member.team_broadcast(value, 0);
}
template <class Function>
void single(ocellus::mock::OncePerThread const& once, Function const& function) {
  if (once.member.lane() == 0) function();
  once.member.thread_barrier();
}
template <class Function, class Value>
void single(ocellus::mock::OncePerThread const& once, Function const& function, Value& value) {
  if (once.member.lane() == 0) function(value);
  once.member.lane_broadcast(value);
}

}  // namespace Kokkos
