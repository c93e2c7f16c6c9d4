# SPDX-License-Identifier: Apache-2.0
"""Peers of nn, vit and explain: PyTorch, timm's encoders by it and by OpenVINO and ONNX Runtime, exported once into the cache."""
import os
import pathlib

THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ocellus" / "models"


def torch_with_threads():
    import torch
    torch.set_num_threads(THREADS)
    return torch


def real_type(torch, kind):
    return {"float": torch.float32, "double": torch.float64, "bfloat16": torch.bfloat16}[kind]


def attention_peer(name, extents, flags, kind):
    if name not in ("nn::multi_head_attention", "nn::multi_head_attention_backward"):
        return
    torch = torch_with_threads()
    heads, tokens, width = extents
    backward = name.endswith("_backward")
    if backward and "with_forward" not in flags:
        return
    query, key, value = (torch.rand(heads // 6, 6, tokens, width, dtype=real_type(torch, kind)).requires_grad_(backward) for _ in range(3))
    gradient = torch.rand(heads // 6, 6, tokens, width, dtype=query.dtype)
    mask = (torch.arange(tokens) % 4 != 3).expand(heads // 6, 1, 1, tokens) if "key_mask" in flags else None
    attend = torch.nn.functional.scaled_dot_product_attention

    def forward():
        with torch.no_grad():
            return attend(query, key, value, attn_mask=mask)

    def both():
        return torch.autograd.grad(attend(query, key, value, attn_mask=mask), (query, key, value), gradient)
    yield f"torch {torch.__version__} scaled_dot_product_attention", both if backward else forward


def layer_peer(name, extents, flags, kind):
    if name not in ("nn::layer_norm", "nn::rms_norm", "nn::gelu", "vit::patch_embed"):
        return
    torch = torch_with_threads()
    label, real, layers = f"torch {torch.__version__}", real_type(torch, kind), torch.nn.functional
    with torch.inference_mode():
        x = torch.rand(*extents, dtype=real)
        if name == "vit::patch_embed":
            weight, bias = torch.rand(int(flags[0]), extents[1], 16, 16), torch.rand(int(flags[0]))
            inference = torch.inference_mode()(lambda: layers.conv2d(x, weight, bias, stride=16).flatten(2).transpose(1, 2))
        elif name == "nn::gelu":
            inference = torch.inference_mode()(lambda: layers.gelu(x, approximate="tanh" if "tanh" in flags else "none"))
        else:
            weight, bias = torch.rand(extents[1], dtype=real), torch.rand(extents[1], dtype=real)
            norm = (lambda: layers.layer_norm(x, extents[1:], weight, bias)) if name == "nn::layer_norm" else (lambda: layers.rms_norm(x, extents[1:], weight))
            inference = torch.inference_mode()(norm)
    yield label, inference


def rows_peer(name, extents, flags, kind):
    if name not in ("linalg::softmax", "linalg::log_sum_exp", "nn::linear", "nn::silu"):
        return
    torch = torch_with_threads()
    label, real, layers = f"torch {torch.__version__}", real_type(torch, kind), torch.nn.functional
    with torch.inference_mode():
        x, other = torch.rand(*extents[:2], dtype=real), torch.rand(*extents[:2], dtype=real)
        if name == "nn::linear":
            weight, bias = torch.rand(extents[2], extents[1], dtype=real), torch.rand(extents[2], dtype=real)
    calls = {"linalg::softmax": lambda: torch.softmax(x, -1), "linalg::log_sum_exp": lambda: torch.logsumexp(x, -1),
             "nn::linear": lambda: layers.linear(x, weight, bias), "nn::silu": lambda: layers.silu(x) * other if "gated" in flags else layers.silu(x)}
    yield label, torch.inference_mode()(calls[name])


def backward_peer(name, extents, flags, kind):
    """The backward passes alone: the graph of the forward pass is kept."""
    if name not in ("nn::linear_backward", "nn::layer_norm_backward", "nn::gelu_backward", "nn::silu_backward") or kind != "float":
        return
    torch = torch_with_threads()
    layers = torch.nn.functional
    x = torch.rand(*extents[:2]).requires_grad_(True)
    inputs = [x]
    if name == "nn::linear_backward":
        inputs += [torch.rand(extents[2], extents[1]).requires_grad_(True), torch.rand(extents[2]).requires_grad_(True)]
        y = layers.linear(*inputs)
    elif name == "nn::layer_norm_backward":
        inputs += [torch.rand(extents[1]).requires_grad_(True), torch.rand(extents[1]).requires_grad_(True)]
        y = layers.layer_norm(x, extents[1:], *inputs[1:])
    else:
        y = layers.silu(x) if name == "nn::silu_backward" else layers.gelu(x, approximate="tanh" if "tanh" in flags else "none")
    gradient = torch.rand(*y.shape)
    yield f"torch {torch.__version__}", lambda: torch.autograd.grad(y, inputs, gradient, retain_graph=True)


def step_peer(name, extents, flags, kind):
    del flags
    if name not in ("nn::adamw_step", "nn::clip_grad_norm") or kind != "float":
        return
    torch = torch_with_threads()
    parts = 1 if name == "nn::adamw_step" else 12
    parameters = [torch.nn.Parameter(torch.rand(extents[0] // parts)) for _ in range(parts)]
    for parameter in parameters:
        parameter.grad = torch.rand(extents[0] // parts)
    label = f"torch {torch.__version__}"
    if name == "nn::adamw_step":
        yield f"{label} fused", torch.optim.AdamW(parameters, fused=True).step
    else:
        yield label, lambda: torch.nn.utils.clip_grad_norm_(parameters, 1.0)


def training_peer(name, extents, flags, kind):
    """A process of its own, whose memory is then that of the step. It has no parts of a batch, so it stands beside the step that has none either."""
    if name != "mae::train_steps" or kind != "float" or f"m{extents[0]}" not in flags:
        return
    import json
    import subprocess
    import sys
    program = pathlib.Path(__file__).resolve().parent / "training_step.py"
    for mode in ([], ["--compiled"]):
        command = [sys.executable, program, "--batch", str(extents[0]), "--threads", str(THREADS), "--steps", "2", *mode]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=True, timeout=175)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
            reason = "took more than 175 s" if isinstance(error, subprocess.TimeoutExpired) else error.stderr.strip().split("\n")[-1][:200]
            print(f"peers: a training step by PyTorch {'compiled' if mode else 'eager'}: {reason}", file=sys.stderr)
            continue
        row = json.loads(done.stdout.strip().split("\n")[-1])
        yield f"{row['peer']}, peak {row['peak_bytes'] / 1e9:.2f} GB", row["seconds"]


def encoder_of(size, torch):
    import timm
    torch.manual_seed(1)
    return timm.create_model(f"vit_{size}_patch16_224", pretrained=False, num_classes=0).eval()


def exported_encoder(size, extents):
    """Path of the encoder as ONNX, with random weights."""
    path = CACHE / f"vit_{size}_{'x'.join(map(str, extents))}.onnx"
    if not path.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        torch = torch_with_threads()
        model, image = encoder_of(size, torch), torch.rand(*extents)
        partial = path.with_suffix(".partial.onnx")
        try:
            torch.onnx.export(model, (image,), partial, input_names=["image"], output_names=["features"], opset_version=17, dynamo=False)
        except TypeError:
            torch.onnx.export(model, (image,), partial, input_names=["image"], output_names=["features"])
        partial.rename(path)
    return path


def torch_encoder_peer(name, extents, flags, kind):
    if name != "vit::encoder":
        return
    torch = torch_with_threads()
    model, image = encoder_of(flags[0], torch).to(real_type(torch, kind)), torch.rand(*extents, dtype=real_type(torch, kind))
    yield f"torch {torch.__version__} eager", torch.inference_mode()(lambda: model(image))
    compiled = torch.compile(model)
    yield f"torch {torch.__version__} compiled", torch.inference_mode()(lambda: compiled(image))


def openvino_encoder_peer(name, extents, flags, kind):
    if name != "vit::encoder":
        return
    import numpy
    import openvino
    core, path = openvino.Core(), exported_encoder(flags[0], extents)
    image = numpy.random.default_rng(1).random(extents, dtype=numpy.float32)
    options = {"INFERENCE_NUM_THREADS": THREADS, "INFERENCE_PRECISION_HINT": "bf16" if kind == "bfloat16" else "f32", "ENABLE_CPU_PINNING": False}
    label = f"openvino {openvino.__version__.split('-')[0]}"
    latency = core.compile_model(path, "CPU", {**options, "PERFORMANCE_HINT": "LATENCY"}).create_infer_request()
    yield f"{label} latency", lambda: latency.infer([image], share_inputs=True)
    streams = core.compile_model(path, "CPU", {**options, "NUM_STREAMS": THREADS})
    requests, rounds = [streams.create_infer_request() for _ in range(THREADS)], 2

    def throughput():
        for _ in range(rounds):
            for request in requests:
                request.start_async([image], share_inputs=True)
            for request in requests:
                request.wait()
    yield f"{label} {THREADS} streams", throughput, 1 / (rounds * THREADS)


def onnxruntime_encoder_peer(name, extents, flags, kind):
    if name != "vit::encoder" or kind != "float":
        return
    import numpy
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(exported_encoder(flags[0], extents)), options, providers=["CPUExecutionProvider"])
    image = numpy.random.default_rng(1).random(extents, dtype=numpy.float32)
    yield f"onnxruntime {onnxruntime.__version__}", lambda: session.run(None, {session.get_inputs()[0].name: image})


def map_peer(name, extents, flags, kind):
    """The same formulas in PyTorch, and in scipy where a sum by label is asked for."""
    if not name.startswith("explain::") or kind != "float":
        return
    torch = torch_with_threads()
    label = f"torch {torch.__version__}"
    if name == "explain::grad_cam":
        activations, gradients = torch.rand(*extents) - 0.5, torch.rand(*extents) - 0.5
        yield label, lambda: torch.einsum("bkhw,bk->bhw", activations, gradients.mean((2, 3))).relu_()
    if name == "explain::upsample_map":
        small = torch.rand(extents[0], 1, 14, 14)
        yield label, lambda: torch.nn.functional.interpolate(small, size=extents[1:], mode="bilinear", align_corners=False)
    if name == "explain::attention_rollout":
        attention = torch.rand(*extents)

        def rollout():
            product = None
            for layer in attention:
                fused = layer.mean(1) + torch.eye(extents[-1])
                fused = fused / fused.sum(-1, keepdim=True)
                product = fused if product is None else fused @ product
            return product
        yield label, rollout
    if name == "explain::grad_camo_labels":
        import numpy
        import scipy
        from scipy import ndimage
        values = numpy.random.default_rng(1).random(extents, dtype=numpy.float32)
        labels = (numpy.arange(extents[0])[:, None] // 64 * 32 + numpy.arange(extents[1])[None, :] // 64 + 1).astype(numpy.int32) % (int(flags[0]) + 1)
        yield f"scipy {scipy.__version__} ndimage.sum_labels", lambda: ndimage.sum_labels(values, labels, numpy.arange(int(flags[0]) + 1))
        yield f"numpy {numpy.__version__} bincount", lambda: numpy.bincount(labels.ravel(), weights=values.ravel())


PEERS = [attention_peer, layer_peer, rows_peer, backward_peer, step_peer, training_peer, torch_encoder_peer, openvino_encoder_peer, onnxruntime_encoder_peer, map_peer]
