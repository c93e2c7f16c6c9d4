# SPDX-License-Identifier: Apache-2.0
"""Peers of mae, ssl and core: the papers' formulas in PyTorch, eager, with its automatic gradients where ours is with the backward pass; NumPy's sort."""
from nn_peers import torch_with_threads


def with_gradient(torch, loss, inputs):
    for x in inputs:
        x.requires_grad_(True)
    return lambda: torch.autograd.grad(loss(), inputs)


def mae_peer(name, extents, flags, kind):
    if name not in ("mae::pixel_loss", "mae::fourier_loss", "mae::random_masking") or kind != "float":
        return
    torch = torch_with_threads()
    label = f"torch {torch.__version__}"
    if name == "mae::random_masking":
        images, tokens = extents

        def mask_tokens():
            order = torch.rand(images, tokens).argsort(1)
            restore, mask = order.argsort(1), torch.ones(images, tokens)
            mask[:, :tokens // 4] = 0
            return order[:, :tokens // 4], restore, mask.gather(1, restore)
        yield label, mask_tokens
        return
    prediction, target = torch.rand(*extents), torch.rand(*extents)
    if name == "mae::fourier_loss":
        yield label, torch.inference_mode()(lambda: (torch.fft.fft2(prediction).abs() - torch.fft.fft2(target).abs()).abs().mean())
    else:
        mask = (torch.arange(extents[0] * extents[1]) % 4 != 0).reshape(extents[:2]).float()

        def loss():
            normal = (target - target.mean(-1, keepdim=True)) / (target.var(-1, keepdim=True) + 1e-6).sqrt()
            return (((prediction - normal) ** 2).mean(-1) * mask).sum() / mask.sum()
        yield label, with_gradient(torch, loss, [prediction]) if "with_backward" in flags else loss


def ssl_peer(name, extents, flags, kind):
    del flags
    if not name.startswith("ssl::") or kind != "float":
        return
    torch = torch_with_threads()
    functional, label = torch.nn.functional, f"torch {torch.__version__}"
    if name == "ssl::dino_loss":
        student, teacher, center = torch.rand(*extents), torch.rand(2, *extents[1:]), torch.rand(extents[2])

        def dino():
            targets, log_student = functional.softmax((teacher - center) / 0.04, -1), functional.log_softmax(student / 0.1, -1)
            terms = [-(targets[t] * log_student[s]).sum(-1).mean() for t in range(2) for s in range(extents[0]) if s != t]
            return sum(terms) / len(terms)
        yield label, with_gradient(torch, dino, [student])
    if name == "ssl::koleo_loss":
        rows = torch.rand(*extents) - 0.5

        def koleo():
            unit = functional.normalize(rows, dim=-1)
            nearest = (unit @ unit.T).fill_diagonal_(-1).argmax(1)
            return -torch.log(functional.pairwise_distance(unit, unit[nearest], eps=1e-8) + 1e-8).mean()
        yield label, torch.inference_mode()(koleo)
    if name == "ssl::simclr_loss":
        first, second = torch.rand(*extents) - 0.5, torch.rand(*extents) - 0.5

        def simclr():
            both = functional.normalize(torch.cat([first, second]), dim=-1)
            scores = (both @ both.T / 0.1).masked_fill(torch.eye(len(both), dtype=torch.bool), float("-inf"))
            return functional.cross_entropy(scores, torch.arange(len(both)).roll(len(first)))
        yield label, with_gradient(torch, simclr, [first, second])


def sort_peer(name, extents, flags, kind):
    if name not in ("core::argsort_rows", "core::top_k_rows") or kind != "float":
        return
    torch = torch_with_threads()
    keys, label = torch.rand(*extents), f"torch {torch.__version__}"
    if name == "core::top_k_rows":
        yield f"{label} topk", lambda: torch.topk(keys, int(flags[0][1:]))
    else:
        yield f"{label} stable argsort", lambda: torch.argsort(keys, stable=True)


PEERS = [mae_peer, ssl_peer, sort_peer]
