// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/nn/adamw_step.hpp>
#include <ocellus/nn/clip_grad_norm.hpp>
#include <ocellus/nn/cosine_schedule.hpp>
#include <ocellus/nn/gelu.hpp>
#include <ocellus/nn/layer_norm.hpp>
#include <ocellus/nn/linear.hpp>
#include <ocellus/nn/multi_head_attention.hpp>
#include <ocellus/nn/rms_norm.hpp>
#include <ocellus/nn/silu.hpp>
