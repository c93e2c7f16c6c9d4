// SPDX-License-Identifier: Apache-2.0
// expect: Ocellus promises exact NaN handling and summation order, which -ffast-math breaks
// flags: -ffast-math

#include <ocellus/core.hpp>
