// SPDX-License-Identifier: Apache-2.0
#pragma once

/// The primal network simplex for transport problems, on the host.

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace ocellus::transport::detail {

/// min sum c_ij x_ij, sum_j x_ij = a_i, sum_i x_ij = b_j, x >= 0, over integer masses. Nodes are the n rows, the m columns, and a root that is joined to every
/// node by an artificial arc. The basis is a spanning tree, kept strongly feasible (every arc without flow points to the root), so that the method ends; an arc
/// to enter is the worst of a block of arcs, scanned in turn.
class NetworkSimplex {
 public:
  NetworkSimplex(std::int64_t rows, std::int64_t columns, std::vector<double> const& cost, std::vector<std::int64_t> const& a,
                 std::vector<std::int64_t> const& b)
      : rows_(rows), columns_(columns), root_(rows + columns), cost_(cost) {
    auto const nodes = static_cast<std::size_t>(root_ + 1);
    parent_.assign(nodes, root_);
    first_child_.assign(nodes, -1);
    next_.assign(nodes, -1);
    previous_.assign(nodes, -1);
    arc_.assign(nodes, -1);
    up_.assign(nodes, true);
    flow_.assign(nodes, 0);
    depth_.assign(nodes, 1);
    potential_.assign(nodes, 0.0);
    double largest = 1;
    for (double const c : cost_) largest = std::max(largest, std::abs(c));
    artificial_                              = (largest + 1) * static_cast<double>(rows + columns + 1);
    parent_[static_cast<std::size_t>(root_)] = -1;
    depth_[static_cast<std::size_t>(root_)]  = 0;
    for (std::int64_t v = 0; v < root_; ++v) {
      auto const s      = static_cast<std::size_t>(v);
      bool const is_row = v < rows_;
      flow_[s]          = is_row ? a[s] : b[static_cast<std::size_t>(v - rows_)];
      up_[s]            = is_row || flow_[s] == 0;
      attach(v, root_);
      potential_[s] = up_[s] ? artificial_ : -artificial_;
    }
  }

  /// Whether the optimum was reached before `limit` pivots.
  bool run(std::int64_t limit) {
    std::int64_t const arcs = rows_ * columns_;
    block_                  = std::max<std::int64_t>(10, static_cast<std::int64_t>(std::sqrt(static_cast<double>(arcs))));
    for (pivots_ = 0; pivots_ < limit; ++pivots_) {
      std::int64_t const entering = find_entering(arcs);
      if (entering < 0) return true;
      pivot(entering);
    }
    return false;
  }

  [[nodiscard]] std::int64_t pivots() const { return pivots_; }
  [[nodiscard]] double row_potential(std::int64_t i) const { return potential_[static_cast<std::size_t>(i)]; }

  /// Calls `visit(i, j, flow)` for every arc of the basis that is not artificial.
  template <class Visit>
  void for_each_basic(Visit const& visit) const {
    for (std::int64_t v = 0; v < root_; ++v) {
      auto const s = static_cast<std::size_t>(v);
      if (arc_[s] >= 0) visit(arc_[s] / columns_, arc_[s] % columns_, flow_[s]);
    }
  }
  /// Flow left on artificial arcs: 0 where the totals agree.
  [[nodiscard]] std::int64_t artificial_flow() const {
    std::int64_t sum = 0;
    for (std::int64_t v = 0; v < root_; ++v) {
      if (arc_[static_cast<std::size_t>(v)] < 0) sum += flow_[static_cast<std::size_t>(v)];
    }
    return sum;
  }

 private:
  using Index = std::int64_t;
  static std::size_t at(Index v) { return static_cast<std::size_t>(v); }

  void attach(Index v, Index to) {
    parent_[at(v)]   = to;
    previous_[at(v)] = -1;
    next_[at(v)]     = first_child_[at(to)];
    if (next_[at(v)] >= 0) previous_[at(next_[at(v)])] = v;
    first_child_[at(to)] = v;
  }
  void detach(Index v) {
    Index const to = parent_[at(v)];
    if (previous_[at(v)] >= 0)
      next_[at(previous_[at(v)])] = next_[at(v)];
    else
      first_child_[at(to)] = next_[at(v)];
    if (next_[at(v)] >= 0) previous_[at(next_[at(v)])] = previous_[at(v)];
  }
  [[nodiscard]] double arc_cost(Index arc) const { return arc < 0 ? artificial_ : cost_[at(arc)]; }

  /// The arc of most negative reduced cost in the first block that has one; -1: none is left.
  Index find_entering(Index arcs) {
    Index best = -1, scanned = 0;
    double best_value = 0;
    Index arc         = next_arc_;
    Index i = arc / columns_, j = arc % columns_;
    Index in_block = block_;
    while (scanned < arcs) {
      double const c = cost_[at(arc)], p = potential_[at(i)], q = potential_[at(rows_ + j)], reduced = c - p + q;
      if (reduced < best_value && reduced < -8 * std::numeric_limits<double>::epsilon() * (std::abs(c) + std::abs(p) + std::abs(q))) {
        best_value = reduced;
        best       = arc;
      }
      ++scanned;
      ++arc;
      if (++j == columns_) {
        j = 0;
        if (++i == rows_) i = arc = 0;
      }
      if (--in_block == 0) {
        if (best >= 0) break;
        in_block = block_;
      }
    }
    next_arc_ = arc;
    return best;
  }

  void pivot(Index entering) {
    Index const tail = entering / columns_, head = rows_ + entering % columns_;
    Index u = tail, v = head;
    while (u != v) {
      if (depth_[at(u)] >= depth_[at(v)])
        u = parent_[at(u)];
      else
        v = parent_[at(v)];
    }
    Index const join = u;
    // Flow goes tail -> head, up from head to the join, and down from the join to tail. It falls on arcs against that direction; the last of equal ones along
    // it, from the join on, leaves.
    std::int64_t delta = std::numeric_limits<std::int64_t>::max();
    Index leaving      = -1;
    bool on_tail_side  = true;
    for (Index w = tail; w != join; w = parent_[at(w)]) {
      if (up_[at(w)] && flow_[at(w)] < delta) {
        delta   = flow_[at(w)];
        leaving = w;
      }
    }
    for (Index w = head; w != join; w = parent_[at(w)]) {
      if (!up_[at(w)] && flow_[at(w)] <= delta) {
        delta        = flow_[at(w)];
        leaving      = w;
        on_tail_side = false;
      }
    }
    for (Index w = tail; w != join; w = parent_[at(w)]) flow_[at(w)] += up_[at(w)] ? -delta : delta;
    for (Index w = head; w != join; w = parent_[at(w)]) flow_[at(w)] += up_[at(w)] ? delta : -delta;
    // Hang the part below the leaving arc on the entering one, turning the path between them.
    Index child = on_tail_side ? tail : head, onto = on_tail_side ? head : tail;
    Index new_arc         = entering;
    bool new_up           = on_tail_side;  // the entering arc points from tail to head
    std::int64_t new_flow = delta;
    Index const start     = child;
    for (;;) {
      Index const old_parent = parent_[at(child)], old_arc = arc_[at(child)];
      bool const old_up      = up_[at(child)];
      std::int64_t const old = flow_[at(child)];
      detach(child);
      attach(child, onto);
      arc_[at(child)]  = new_arc;
      up_[at(child)]   = new_up;
      flow_[at(child)] = new_flow;
      if (child == leaving) break;
      new_arc  = old_arc;
      new_up   = !old_up;
      new_flow = old;
      onto     = child;
      child    = old_parent;
    }
    // Potentials and depths of what moved, from the tree: potential(tail) - potential(head) = cost on every arc of it.
    stack_.assign(1, start);
    while (!stack_.empty()) {
      Index const w = stack_.back();
      stack_.pop_back();
      double const c    = arc_cost(arc_[at(w)]);
      potential_[at(w)] = potential_[at(parent_[at(w)])] + (up_[at(w)] ? c : -c);
      depth_[at(w)]     = depth_[at(parent_[at(w)])] + 1;
      for (Index x = first_child_[at(w)]; x >= 0; x = next_[at(x)]) stack_.push_back(x);
    }
  }

  Index rows_, columns_, root_;
  std::vector<double> const& cost_;
  double artificial_ = 0;
  Index block_ = 10, next_arc_ = 0, pivots_ = 0;
  std::vector<Index> parent_, first_child_, next_, previous_, arc_, depth_, stack_;
  std::vector<bool> up_;
  std::vector<std::int64_t> flow_;
  std::vector<double> potential_;
};

}  // namespace ocellus::transport::detail
