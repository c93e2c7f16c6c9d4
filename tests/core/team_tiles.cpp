// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/team_tiles.hpp>

#include <vector>

#include <gtest/gtest.h>

namespace ocellus::test {
namespace {

// Tiles as a product has them: 64 threads, slabs of 8 terms, 64 lines, four numbers of padding.
constexpr int threads = 64, lines = 64, slab = 8, pitch = lines + 4, count = lines * slab / threads;

double number_at(int line, int term) { return 1 + line + 1000 * term; }

TEST(TeamTiles, shares_of_all_threads_make_the_slab_whichever_way_they_lie) {
  for (bool const along_terms : {false, true}) {
    std::vector<Quad<double>> to(slab * pitch / 4);
    double* const numbers = to.front().number;
    for (int i = 0; i < slab * pitch; ++i) numbers[i] = -1;
    for (int rank = 0; rank < threads; ++rank) {
      SlabShare<double, count> share(rank, threads, lines, slab, along_terms);
      share.fetch(lines, slab, number_at);
      share.leave(to.data(), pitch);
    }
    for (int term = 0; term < slab; ++term) {
      for (int line = 0; line < pitch; ++line) EXPECT_EQ(numbers[term * pitch + line], line < lines ? number_at(line, term) : -1) << line << ", " << term;
    }
  }
}

TEST(TeamTiles, shares_read_nothing_behind_the_ends_and_leave_zeros_there) {
  constexpr int last_line = 37, last_term = 3;
  for (bool const along_terms : {false, true}) {
    std::vector<Quad<float>> to(slab * pitch / 4);
    for (int rank = 0; rank < threads; ++rank) {
      SlabShare<float, count> share(rank, threads, lines, slab, along_terms);
      share.fetch(last_line, last_term, [](int line, int term) {
        EXPECT_TRUE(line < last_line && term < last_term) << line << ", " << term;
        return number_at(line, term);
      });
      share.leave(to.data(), pitch);
    }
    for (int term = 0; term < slab; ++term) {
      for (int line = 0; line < lines; ++line)
        EXPECT_EQ(static_cast<double>(to.front().number[term * pitch + line]), line < last_line && term < last_term ? number_at(line, term) : 0.0);
    }
  }
}

TEST(TeamTiles, columns_of_all_threads_are_all_columns) {
  constexpr int across = 8, mine = 8;
  std::vector<int> seen(across * mine, 0);
  for (int thread = 0; thread < across; ++thread) {
    for (int j = 0; j < mine; ++j) ++seen.at(static_cast<std::size_t>(tile_column<across>(4 * thread, j)));
  }
  for (int const times : seen) EXPECT_EQ(times, 1);
}

TEST(TeamTiles, a_term_adds_each_product_once) {
  constexpr int across = 2, rows = 4, columns = 8;
  std::vector<Quad<double>> left(1), right(across * columns / 4);
  for (int i = 0; i < rows; ++i) left.front().number[i] = i + 1;
  for (int j = 0; j < across * columns; ++j) right.front().number[j] = 10 * (j + 1);
  for (int const first : {0, 4}) {
    double sum[rows][columns] = {};
    add_term<across>(left.data(), right.data() + first / 4, sum, [](double a, double b, double& to) { to += a * b; });
    for (int i = 0; i < rows; ++i) {
      for (int j = 0; j < columns; ++j) EXPECT_EQ(sum[i][j], (i + 1) * 10.0 * (tile_column<across>(first, j) + 1)) << i << ", " << j;
    }
  }
}

}  // namespace
}  // namespace ocellus::test
