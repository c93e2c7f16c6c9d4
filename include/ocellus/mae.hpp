// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ocellus/mae/channel_agnostic_decoder.hpp>
#include <ocellus/mae/channel_agnostic_decoder_backward.hpp>
#include <ocellus/mae/configuration.hpp>
#include <ocellus/mae/decoder.hpp>
#include <ocellus/mae/decoder_backward.hpp>
#include <ocellus/mae/ensemble_uncertainty.hpp>
#include <ocellus/mae/fourier_loss.hpp>
#include <ocellus/mae/gather_tokens.hpp>
#include <ocellus/mae/informed_masking.hpp>
#include <ocellus/mae/masked_autoencoder.hpp>
#include <ocellus/mae/masked_autoencoder_backward.hpp>
#include <ocellus/mae/patch_scores.hpp>
#include <ocellus/mae/patchify.hpp>
#include <ocellus/mae/pixel_loss.hpp>
#include <ocellus/mae/random_masking.hpp>
#include <ocellus/mae/refine_masks.hpp>
#include <ocellus/mae/train_steps.hpp>
#include <ocellus/mae/unpatchify.hpp>
#include <ocellus/mae/unshuffle_tokens.hpp>
#include <ocellus/mae/weights.hpp>
