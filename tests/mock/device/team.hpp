// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a kernel sees of its team: ranks, barriers, scratch memory, and the collective operations below the nested loops.
///
/// A team has threads, a thread has lanes, and every lane is a fibre that runs the whole kernel, as on a GPU: what stands outside of vector loops and `single` is
/// done by all lanes of a thread.

#include <cstdint>

#include "machine.hpp"
#include "space.hpp"

namespace ocellus::mock {

/// Who shares a nested loop.
enum class Sharing { threads, lanes, threads_and_lanes };

class TeamMember {
 public:
  using execution_space      = Mock;
  using scratch_memory_space = Mock::scratch_memory_space;
  using team_handle          = TeamMember;

  TeamMember(Fibres& fibres, int fibre, int league_rank, int league_size, Scratch& level0, Scratch& level1)
      : scratch_(level0.data(), level0.size(), level1.data(), level1.size()),
        fibres_(&fibres),
        fibre_(fibre),
        league_rank_(league_rank),
        league_size_(league_size) {}

  [[nodiscard]] int league_rank() const { return league_rank_; }
  [[nodiscard]] int league_size() const { return league_size_; }
  [[nodiscard]] int team_rank() const { return fibre_ / fibres_->lanes(); }
  [[nodiscard]] int team_size() const { return fibres_->threads(); }
  [[nodiscard]] int lane() const { return fibre_ % fibres_->lanes(); }

  [[nodiscard]] scratch_memory_space const& team_shmem() const { return team_scratch(0); }
  [[nodiscard]] scratch_memory_space const& team_scratch(int level) const { return scratch_.set_team_thread_mode(level, 1, 0); }
  [[nodiscard]] scratch_memory_space const& thread_scratch(int level) const { return scratch_.set_team_thread_mode(level, team_size(), team_rank()); }

  void team_barrier() const { fibres_->team_barrier(fibre_); }
  void thread_barrier() const { fibres_->thread_barrier(fibre_); }

  template <class T>
  void team_broadcast(T& value, int thread) const {
    Group const group(*this, Sharing::threads);
    T const result = group.exchange(value, [&](auto const& of) { return of(thread); });
    value          = result;
  }
  template <class Function, class T>
  void team_broadcast(Function const& function, T& value, int thread) const {
    function(value);
    team_broadcast(value, thread);
  }
  /// The value of the thread's first lane for all of its lanes.
  template <class T>
  void lane_broadcast(T& value) const {
    T const result = Group(*this, Sharing::lanes).exchange(value, [](auto const& of) { return of(0); });
    value          = result;
  }
  template <class Reducer>
  void team_reduce(Reducer const& reducer) const {
    team_reduce(reducer, reducer.reference());
  }
  template <class Reducer>
  void team_reduce(Reducer const& reducer, typename Reducer::value_type const& value) const {
    reducer.reference() = Group(*this, Sharing::threads).reduce(value, [&](auto& a, auto const& b) { reducer.join(a, b); });
  }
  template <class T>
  [[nodiscard]] T team_scan(T const& value, T* global = nullptr) const {
    T total{};
    T before = Group(*this, Sharing::threads).exclusive_scan(value, T{}, total, [](T& a, T const& b) { a += b; });
    if (global != nullptr) {
      T base{};
      if (fibre_ == 0) base = Kokkos::atomic_fetch_add(global, total);
      lane_broadcast(base);
      team_broadcast(base, 0);
      before += base;
    }
    return before;
  }

  /// The fibres that share a loop, and this one's place among them.
  class Group {
   public:
    Group(TeamMember const& member, Sharing sharing) : member_(member), sharing_(sharing) {
      int const lanes = member.fibres_->lanes();
      switch (sharing) {
        case Sharing::threads:
          size_ = member.team_size(), rank_ = member.team_rank(), first_ = member.lane(), stride_ = lanes;
          break;
        case Sharing::lanes:
          size_ = lanes, rank_ = member.lane(), first_ = member.team_rank() * lanes, stride_ = 1;
          break;
        case Sharing::threads_and_lanes:
          size_ = member.team_size() * lanes, rank_ = member.fibre_, first_ = 0, stride_ = 1;
          break;
      }
    }
    [[nodiscard]] int size() const { return size_; }
    [[nodiscard]] int rank() const { return rank_; }

    /// `function(of)`, where `of(rank)` is what that member of the group passed as `mine`.
    template <class T, class Function>
    auto exchange(T const& mine, Function const& function) const {
      member_.fibres_->slot(member_.fibre_) = &mine;
      barrier();
      auto const result = function([this](int rank) -> T const& { return *static_cast<T const*>(member_.fibres_->slot(first_ + rank * stride_)); });
      barrier();
      return result;
    }
    template <class T, class Join>
    T reduce(T const& mine, Join const& join) const {
      return exchange(mine, [&](auto const& of) {
        T result = of(0);
        for (int rank = 1; rank < size_; ++rank) join(result, of(rank));
        return result;
      });
    }
    template <class T, class Join>
    T exclusive_scan(T const& mine, T const& identity, T& total, Join const& join) const {
      return exchange(mine, [&](auto const& of) {
        T before = identity;
        total    = identity;
        for (int rank = 0; rank < size_; ++rank) {
          if (rank == rank_) before = total;
          join(total, of(rank));
        }
        return before;
      });
    }

   private:
    void barrier() const { sharing_ == Sharing::lanes ? member_.thread_barrier() : member_.team_barrier(); }

    TeamMember const& member_;
    Sharing sharing_;
    int size_ = 1, rank_ = 0, first_ = 0, stride_ = 1;
  };

 private:
  scratch_memory_space scratch_;
  Fibres* fibres_;
  int fibre_, league_rank_, league_size_;
};

/// A nested loop over [begin, end).
template <Sharing How, class Index>
struct NestedLoop {
  TeamMember const& member;
  Index begin, end;

  /// The indices of this fibre, a stride apart as on GPUs.
  template <class Body>
  void for_each(Body const& body) const {
    TeamMember::Group const group(member, How);
    for (Index i = begin + static_cast<Index>(group.rank()); i < end; i += static_cast<Index>(group.size())) body(i);
    if constexpr (How == Sharing::lanes) member.thread_barrier();
  }

  template <class T, class Body, class Join>
  [[nodiscard]] T reduce(T const& identity, Body const& body, Join const& join) const {
    TeamMember::Group const group(member, How);
    T mine = identity;
    for (Index i = begin + static_cast<Index>(group.rank()); i < end; i += static_cast<Index>(group.size())) body(i, mine);
    return group.reduce(mine, join);
  }

  /// Each fibre takes a run of indices, adds it up with `last_time` false, learns what lies before it, and goes over it again. Returns the total.
  template <class T, class Body, class Join>
  T scan(T const& identity, Body const& body, Join const& join) const {
    TeamMember::Group const group(member, How);
    Index const count = begin < end ? end - begin : Index{0}, size = static_cast<Index>(group.size()), each = (count + size - 1) / size;
    Index const first = std::min<Index>(end, begin + each * static_cast<Index>(group.rank())), last = std::min<Index>(end, first + each);
    T mine = identity;
    for (Index i = first; i < last; ++i) body(i, mine, false);
    T total   = identity;
    T running = group.exclusive_scan(mine, identity, total, join);
    for (Index i = first; i < last; ++i) body(i, running, true);
    if constexpr (How == Sharing::lanes) member.thread_barrier();
    return total;
  }
};

struct OncePerTeam {
  TeamMember const& member;
};
struct OncePerThread {
  TeamMember const& member;
};

}  // namespace ocellus::mock
