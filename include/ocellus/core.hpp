// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/core/chains.hpp>
#include <ocellus/core/concepts.hpp>
#include <ocellus/core/cost.hpp>
#include <ocellus/core/for_each_row.hpp>
#include <ocellus/core/host_copy.hpp>
#include <ocellus/core/instruction_set.hpp>
#include <ocellus/core/kokkos.hpp>
#include <ocellus/core/parameter_table.hpp>
#include <ocellus/core/precision.hpp>
#include <ocellus/core/preconditions.hpp>
#include <ocellus/core/random.hpp>
#include <ocellus/core/reduce.hpp>
#include <ocellus/core/simd.hpp>
#include <ocellus/core/sort.hpp>
#include <ocellus/core/strided.hpp>
#include <ocellus/core/team_tiles.hpp>
#include <ocellus/core/tensor.hpp>
#include <ocellus/core/top_k.hpp>
#include <ocellus/core/tuning.hpp>
#include <ocellus/core/vector_math.hpp>
#include <ocellus/core/workspace.hpp>
