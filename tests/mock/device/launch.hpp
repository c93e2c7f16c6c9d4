// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What a launch does when its turn in the queue comes: parallel for, reduce and scan over the policies that Kokkos hands over.

#include <Kokkos_Core.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <typeinfo>
#include <utility>
#include <vector>

#include "machine.hpp"
#include "space.hpp"
#include "team.hpp"

namespace ocellus::mock {

template <class Policy>
concept PolicyOfTeams = requires(Policy const& policy) {
  policy.league_size();
};
template <class Policy>
concept PolicyOfSeveralAxes = requires(Policy const& policy) {
  policy.m_lower[0];
};

/// Calls `body(index)` for a range, `body(index...)` for several axes, `body(member)` on every fibre of every team.
template <class Policy, class Body>
void iterate(Policy const& policy, std::size_t, Body const& body) {
  in_any_order(policy.begin(), policy.end(), body);
}

template <PolicyOfSeveralAxes Policy, class Body>
void iterate(Policy const& policy, std::size_t, Body const& body) {
  using Index        = typename Policy::index_type;
  constexpr int rank = static_cast<int>(Policy::rank);
  std::int64_t total = 1;
  for (int axis = 0; axis < rank; ++axis) total *= std::max<std::int64_t>(0, policy.m_upper[axis] - policy.m_lower[axis]);
  in_any_order(std::int64_t{0}, total, [&](std::int64_t flat) {
    Index index[rank];
    for (int axis = rank - 1; axis >= 0; --axis) {
      std::int64_t const extent = policy.m_upper[axis] - policy.m_lower[axis];
      index[axis]               = static_cast<Index>(policy.m_lower[axis] + flat % extent);
      flat /= extent;
    }
    [&]<std::size_t... Axis>(std::index_sequence<Axis...>) { body(index[Axis]...); }
    (std::make_index_sequence<static_cast<std::size_t>(rank)>());
  });
}

template <PolicyOfTeams Policy, class Body>
void iterate(Policy const& policy, std::size_t functor_scratch, Body const& body) {
  std::size_t const bytes[] = {policy.scratch_size(0) + functor_scratch, policy.scratch_size(1)};
  for (int const level : {0, 1}) {
    if (bytes[level] > static_cast<std::size_t>(policy.scratch_size_max(level)))
      fail("%zu bytes of scratch memory of level %d are asked for, but there are %d", bytes[level], level, policy.scratch_size_max(level));
  }
  Scratch level0(0, bytes[0]), level1(1, bytes[1]);
  Fibres fibres(policy.team_size(), policy.impl_vector_length());
  in_any_order(0, policy.league_size(), [&](int league_rank) {
    level0.begin_team();
    level1.begin_team();
    fibres.run([&](int fibre) { body(TeamMember(fibres, fibre, league_rank, policy.league_size(), level0, level1)); });
    level0.end_team();
    level1.end_team();
  });
}

/// Calls a functor with the policy's tag, if it has one.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"  // the policy's index is often wider than the functor's, as on every backend
template <class Policy, class Functor, class... Arguments>
void call(Functor const& functor, Arguments&&... arguments) {
  using Tag = typename Policy::work_tag;
  if constexpr (std::is_void_v<Tag>)
    functor(std::forward<Arguments>(arguments)...);
  else
    functor(Tag{}, std::forward<Arguments>(arguments)...);
}
#pragma GCC diagnostic pop

template <class Functor, class Policy>
class For {
 public:
  For(Functor const& functor, Policy const& policy, std::size_t functor_scratch) : functor_(functor), policy_(policy), functor_scratch_(functor_scratch) {}

  void execute() const {
    policy_.space().queue().add(typeid(Functor).name(), [self = *this] {
      iterate(self.policy_, self.functor_scratch_, [&](auto const&... at) { call<Policy>(self.functor_, at...); });
    });
  }

 private:
  Functor functor_;
  Policy policy_;
  std::size_t functor_scratch_;
};

/// Values whose type and size only a reducer knows.
template <class Reducer>
class Values {
 public:
  Values(Reducer const& reducer, std::size_t count)
      : stride_((reducer.value_size() + sizeof(std::max_align_t) - 1) / sizeof(std::max_align_t)), memory_(count * stride_) {}
  typename Reducer::pointer_type operator[](std::size_t i) { return reinterpret_cast<typename Reducer::pointer_type>(&memory_[i * stride_]); }

 private:
  std::size_t stride_;
  std::vector<std::max_align_t> memory_;
};

/// Iterations add to a few partial results, which are joined in an order that follows from the seed. Of a team, each thread adds to a value of its own.
template <class Combined, class Policy>
class Reduce {
  using Reducer = typename Combined::reducer_type;
  using Functor = typename Combined::functor_type;
  using Pointer = typename Reducer::pointer_type;

 public:
  Reduce(Combined const& combined, Policy const& policy, std::size_t functor_scratch, Pointer result)
      : combined_(combined), policy_(policy), functor_scratch_(functor_scratch), result_(result) {}

  void execute() const {
    policy_.space().queue().add(typeid(Functor).name(), [self = *this] { self.run(); });
  }

 private:
  void run() const {
    Reducer const& reducer      = combined_.get_reducer();
    Functor const& functor      = combined_.get_functor();
    constexpr std::size_t parts = 8;
    Values<Reducer> partial(reducer, parts), total(reducer, 1);
    for (std::size_t i = 0; i < parts; ++i) reducer.init(partial[i]);
    std::size_t count = 0;
    if constexpr (PolicyOfTeams<Policy>) {
      Values<Reducer> of_thread(reducer, static_cast<std::size_t>(policy_.team_size()));
      iterate(policy_, functor_scratch_, [&](TeamMember const& member) {
        auto const mine = of_thread[static_cast<std::size_t>(member.team_rank())];
        if (member.lane() == 0) reducer.init(mine);
        member.thread_barrier();
        call<Policy>(functor, member, Reducer::reference(mine));
        member.thread_barrier();
        if (member.lane() == 0) reducer.join(partial[count++ % parts], mine);
      });
    } else {
      iterate(policy_, 0, [&](auto const&... at) { call<Policy>(functor, at..., Reducer::reference(partial[count++ % parts])); });
    }
    reducer.init(total[0]);
    in_any_order(std::size_t{0}, parts, [&](std::size_t i) { reducer.join(total[0], partial[i]); });
    reducer.final(total[0]);
    if (result_ != nullptr) std::memcpy(static_cast<void*>(result_), static_cast<void const*>(total[0]), reducer.value_size());
  }

  Combined combined_;
  Policy policy_;
  std::size_t functor_scratch_;
  Pointer result_;
};

/// Blocks of iterations are added up in any order; then each learns what lies before it and runs again, in any order.
template <class Functor, class Policy, class Analysis>
class Scan {
  using Reducer   = typename Analysis::Reducer;
  using Reference = typename Analysis::reference_type;
  using Pointer   = typename Analysis::pointer_type;
  using Index     = typename Policy::member_type;

 public:
  Scan(Functor const& functor, Policy const& policy, Pointer result) : functor_(functor), policy_(policy), result_(result) {}

  void execute() const {
    policy_.space().queue().add(typeid(Functor).name(), [self = *this] { self.run(); });
  }

 private:
  void run() const {
    Reducer const reducer(functor_);
    constexpr std::size_t block = 5;
    std::size_t const count     = policy_.begin() < policy_.end() ? static_cast<std::size_t>(policy_.end() - policy_.begin()) : 0;
    std::size_t const blocks    = (count + block - 1) / block;
    Values<Reducer> sum(reducer, blocks), before(reducer, blocks + 1);
    auto const go_over = [&](std::size_t b, Reference update, bool last_time) {
      for (std::size_t i = b * block; i < std::min(count, (b + 1) * block); ++i)
        call<Policy>(functor_, static_cast<Index>(policy_.begin() + static_cast<Index>(i)), update, last_time);
    };
    in_any_order(std::size_t{0}, blocks, [&](std::size_t b) { go_over(b, reducer.init(sum[b]), false); });
    reducer.init(before[0]);
    for (std::size_t b = 0; b < blocks; ++b) {
      std::memcpy(static_cast<void*>(before[b + 1]), static_cast<void const*>(before[b]), reducer.value_size());
      reducer.join(before[b + 1], sum[b]);
    }
    if (result_ != nullptr) std::memcpy(static_cast<void*>(result_), static_cast<void const*>(before[blocks]), reducer.value_size());
    in_any_order(std::size_t{0}, blocks, [&](std::size_t b) { go_over(b, Reducer::reference(before[b]), true); });
  }

  Functor functor_;
  Policy policy_;
  Pointer result_;
};

}  // namespace ocellus::mock
