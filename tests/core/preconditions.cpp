// SPDX-License-Identifier: Apache-2.0

#include <ocellus/core/preconditions.hpp>

#include <gtest/gtest.h>

#include "support/message.hpp"

namespace ocellus::test {
namespace {

TEST(Preconditions, refuse_with_the_function_and_every_number) {
  EXPECT_EQ(refusal([] { refuse("ocellus::f", "no"); }), "ocellus::f: no");
  EXPECT_EQ(refusal([] { require(false, "ocellus::f", "epsilon is ", -0.1, " but n is ", 3); }), "ocellus::f: epsilon is -0.10000000000000001 but n is 3");
  EXPECT_EQ(refusal([] { require_equal("ocellus::f", {"a.extent(1)", 3}, {"b.extent(0)", 4}); }), "ocellus::f: a.extent(1) is 3 but b.extent(0) is 4");
  EXPECT_EQ(refusal([] {
              require_broadcast("ocellus::f", {"mask.extent(0)", 2}, {"input.extent(0)", 5});
            }),
            "ocellus::f: mask.extent(0) is 2, neither 1 nor input.extent(0), which is 5");
}

TEST(Preconditions, let_what_fits_pass) {
  EXPECT_NO_THROW(require(true, "ocellus::f", "never printed"));
  EXPECT_NO_THROW(require_equal("ocellus::f", {"a", 0}, {"b", 0}));
  EXPECT_NO_THROW(require_broadcast("ocellus::f", {"a", 1}, {"b", 5}));
  EXPECT_NO_THROW(require_broadcast("ocellus::f", {"a", 5}, {"b", 5}));
  EXPECT_NO_THROW(require_broadcast("ocellus::f", {"a", 1}, {"b", 0}));
}

}  // namespace
}  // namespace ocellus::test
