// SPDX-License-Identifier: Apache-2.0
// expect: nothing
// flags: -ffast-math -DOCELLUS_ALLOW_FAST_MATH

#include <ocellus/core/concepts.hpp>
