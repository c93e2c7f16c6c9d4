# SPDX-License-Identifier: Apache-2.0
"""Peers of transport: POT with NumPy, in float as ours. Long ones do a part of the iterations or problems, and are scaled."""


def quiet(call):
    import warnings

    def quietly():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return call()
    return quietly


def iterations_of(flags):
    return int(next(flag for flag in flags if flag[0] == "i")[1:])


def sinkhorn_peer(name, extents, flags, kind):
    if name not in ("transport::sinkhorn", "transport::sinkhorn_point_cloud") or kind != "float":
        return
    import numpy
    import ot
    draw, iterations = numpy.random.default_rng(1), iterations_of(flags)
    n, m = extents[:2]
    a, b = numpy.full(n, 1 / n, numpy.float32), numpy.full(m, 1 / m, numpy.float32)
    label = f"POT {ot.__version__}"
    if name == "transport::sinkhorn":
        cost, epsilon = draw.random((n, m), dtype=numpy.float32), 0.05

        def costs():
            return cost
    else:
        x, y, epsilon = draw.random((n, extents[2]), dtype=numpy.float32), draw.random((m, extents[2]), dtype=numpy.float32), 0.05 * extents[2] / 6

        def costs():
            return ot.dist(x, y)
    yield (f"{label} sinkhorn, kernel domain",
           quiet(lambda: ot.sinkhorn(a, b, costs(), epsilon, method="sinkhorn", numItermax=iterations, stopThr=0, warn=False)))
    part = 5 if n * m > 10**7 else iterations
    yield (f"{label} sinkhorn_log, {part} of {iterations} iterations",
           quiet(lambda: ot.sinkhorn(a, b, costs(), epsilon, method="sinkhorn_log", numItermax=part, stopThr=0, warn=False)), iterations / part)


def batched_peer(name, extents, flags, kind):
    if name != "transport::sinkhorn_batched" or kind != "float":
        return
    import numpy
    import ot
    draw, iterations = numpy.random.default_rng(1), iterations_of(flags)
    problems, n, m, width = extents
    part = min(problems, 100)
    clouds = [(draw.random((n, width), dtype=numpy.float32), draw.random((m, width), dtype=numpy.float32)) for _ in range(part)]
    a, b, epsilon = numpy.full(n, 1 / n, numpy.float32), numpy.full(m, 1 / m, numpy.float32), 0.05 * width / 6

    def loop(method):
        return quiet(lambda: [ot.sinkhorn(a, b, ot.dist(x, y), epsilon, method=method, numItermax=iterations, stopThr=0, warn=False) for x, y in clouds])
    for method, domain in (("sinkhorn", "kernel domain"), ("sinkhorn_log", "log domain")):
        yield f"POT {ot.__version__} loop, {domain}, {part} of {problems} problems", loop(method), problems / part


def exact_peer(name, extents, flags, kind):
    del flags
    if name not in ("transport::exact_ot", "transport::assignment") or kind != "double":
        return
    import numpy
    import ot
    import scipy
    from scipy import optimize
    n, m = extents
    cost = numpy.random.default_rng(1).random((n, m))
    if name == "transport::exact_ot":
        a, b = numpy.full(n, 1 / n), numpy.full(m, 1 / m)
        yield f"POT {ot.__version__} emd", lambda: ot.emd(a, b, cost, numItermax=10**7)
    else:
        yield f"scipy {scipy.__version__} linear_sum_assignment", lambda: optimize.linear_sum_assignment(cost)


def line_peer(name, extents, flags, kind):
    del flags
    if name not in ("transport::wasserstein_1d", "transport::sliced_wasserstein") or kind != "float":
        return
    import numpy
    import ot
    draw, (n, m) = numpy.random.default_rng(1), extents[:2]
    x, y = draw.random((n, extents[2]), dtype=numpy.float32), draw.random((m, extents[2]), dtype=numpy.float32)
    if name == "transport::wasserstein_1d":
        yield f"POT {ot.__version__} wasserstein_1d", lambda: ot.wasserstein_1d(x, y, p=1)
    else:
        projections = draw.standard_normal((extents[2], extents[3]), dtype=numpy.float32)
        yield f"POT {ot.__version__}", lambda: ot.sliced_wasserstein_distance(x, y, projections=projections)


def entropic_peer(name, extents, flags, kind):
    if name not in ("transport::unbalanced_sinkhorn", "transport::sinkhorn_divergence") or kind != "float":
        return
    import numpy
    import ot
    draw, (n, m), iterations = numpy.random.default_rng(1), extents[:2], iterations_of(flags)
    a, b = numpy.full(n, 1 / n, numpy.float32), numpy.full(m, 1 / m, numpy.float32)
    if name == "transport::unbalanced_sinkhorn":
        cost = draw.random((n, m), dtype=numpy.float32)
        yield (f"POT {ot.__version__} kernel domain",
               quiet(lambda: ot.sinkhorn_unbalanced(a, b, cost, 0.05, 1.0, method="sinkhorn", numItermax=iterations, stopThr=0)))
    else:
        x, y = draw.random((n, extents[2]), dtype=numpy.float32), draw.random((m, extents[2]), dtype=numpy.float32)
        epsilon = 0.05 * extents[2] / 6
        yield (f"POT {ot.__version__} kernel domain",
               quiet(lambda: ot.bregman.empirical_sinkhorn_divergence(x, y, epsilon, a=a, b=b, numIterMax=iterations, stopThr=0, warn=False)))


PEERS = [line_peer, entropic_peer, sinkhorn_peer, batched_peer, exact_peer]
