// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/video/blind_max_pool.hpp>
#include <ocellus/video/estimate_noise.hpp>
#include <ocellus/video/flow_warp.hpp>
#include <ocellus/video/gaussian_likelihood.hpp>
#include <ocellus/video/gaussian_posterior.hpp>
#include <ocellus/video/psnr.hpp>
#include <ocellus/video/rotate4.hpp>
#include <ocellus/video/ssim.hpp>
#include <ocellus/video/temporal_filter.hpp>
#include <ocellus/video/temporal_filter_stream.hpp>
#include <ocellus/video/temporal_weight.hpp>
#include <ocellus/video/window_attention.hpp>
