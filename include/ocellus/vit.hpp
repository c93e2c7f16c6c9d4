// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/vit/attention_pool.hpp>
#include <ocellus/vit/encoder.hpp>
#include <ocellus/vit/encoder_backward.hpp>
#include <ocellus/vit/gradients.hpp>
#include <ocellus/vit/instance_standardize.hpp>
#include <ocellus/vit/patch_embed.hpp>
#include <ocellus/vit/pool.hpp>
#include <ocellus/vit/position_table.hpp>
#include <ocellus/vit/resample_position_table.hpp>
#include <ocellus/vit/transformer_block.hpp>
#include <ocellus/vit/transformer_block_backward.hpp>
#include <ocellus/vit/weighted_pool.hpp>
#include <ocellus/vit/weights.hpp>
