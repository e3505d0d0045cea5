"""Crops per second: by runtime and batch, against the plain ResNet-50 and against peers.

The two networks of a ratio take turns, batch by batch, so that other work on a shared machine slows
both alike; medians of the turns are compared.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from headpose import runtimes, weights
from headpose.estimator import cache_folder, make_runtime
from headpose.networks import NetworkConfig, build
from headpose.runtimes.openvino_ import OpenVinoRuntime
from headpose.runtimes.openvino_int8 import OpenVinoInt8Runtime
from headpose.runtimes.registry import Bare


def _turns(
    runs: list[Callable[[np.ndarray], Any]],
    inputs: list[np.ndarray],
    repeats: int,
    clock: Callable[[], float] = time.perf_counter,
) -> list[float]:
    """Median seconds of each callable, called in turn ``repeats`` times after a warm-up."""
    for run, x in zip(runs, inputs, strict=True):
        run(x)
    times = np.empty((repeats, len(runs)))
    for k in range(repeats):
        for i, (run, x) in enumerate(zip(runs, inputs, strict=True)):
            start = clock()
            run(x)
            times[k, i] = clock() - start
    return [float(t) for t in np.median(times, 0)]


def bench(
    names: list[str],
    runtime_names: list[str] | None = None,
    batches: tuple[int, ...] = (1, 16),
    threads: int | None = 1,
    repeats: int = 9,
    cpu_time: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Rates of shipped weights (or weights files) in every runtime that works here.

    ``ratio_to_resnet50`` compares with torchvision's ResNet-50 in the same runtime, precision,
    batch and crop size.  ``cpu_time`` counts processor seconds instead of the clock's: with one
    thread that is what an idle core would give, also on a machine where others work.
    """
    clock = time.process_time if cpu_time else time.perf_counter
    usable = runtime_names or [n for n, r in runtimes.RUNTIMES.items() if r.available()]
    rng = np.random.default_rng(0)
    rows = []
    for name in names:
        loaded = weights.load(name)
        px = loaded.input_px
        plain = build(NetworkConfig(name="plain", backbone="resnet50"))
        for runtime in usable:
            progress(f"{name} {runtime}")
            cls = runtimes.get(runtime)
            if cls is OpenVinoInt8Runtime:  # the yardstick has no INT8 version: fp32 or bf16
                if loaded.int8 is None:
                    continue
                cls = OpenVinoRuntime
            ours = make_runtime(runtime, loaded, threads)
            theirs = cls(Bare(plain, px, "plain-resnet50"), cache_folder(), threads)
            for batch in batches:
                x = rng.integers(0, 256, (batch, px, px, 3), dtype=np.uint8)
                a, b = _turns([ours, theirs], [x, x], repeats, clock)
                rows.append(
                    {
                        "weights": loaded.name, "runtime": runtime, "device": ours.device,
                        "precision": ours.precision, "px": px, "batch": batch, "threads": threads,
                        "clock": "cpu" if cpu_time else "wall",
                        "crops_per_s": round(batch / a, 1), "ratio_to_resnet50": round(b / a, 3),
                    }
                )  # fmt: skip
    return rows


def bench_peer(
    path: str | Path, threads: int = 1, repeats: int = 9, cpu_time: bool = False
) -> dict[str, Any]:
    """Rate of somebody else's ONNX network (fixed input shape, or batch 1) in ONNX Runtime."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    session = ort.InferenceSession(str(path), options, ["CPUExecutionProvider"])
    one = session.get_inputs()[0]
    shape = [d if isinstance(d, int) and d > 0 else 1 for d in one.shape]
    x = np.random.default_rng(0).random(shape, dtype=np.float32)
    clock = time.process_time if cpu_time else time.perf_counter
    (seconds,) = _turns([lambda v: session.run(None, {one.name: v})], [x], repeats, clock)
    return {
        "weights": Path(path).stem, "runtime": "onnxruntime", "device": "cpu", "precision": "as is",
        "px": shape[-1], "batch": shape[0], "threads": threads,
        "clock": "cpu" if cpu_time else "wall", "crops_per_s": round(shape[0] / seconds, 1),
        "ratio_to_resnet50": None,
    }  # fmt: skip


def complexity(config: NetworkConfig, px: int) -> dict[str, float]:
    """Parameters (millions) and multiply-adds (billions) of a network for one crop."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    net = build(config).eval()
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        net(torch.zeros(1, 3, px, px))
    return {
        "parameters_m": round(sum(p.numel() for p in net.parameters()) / 1e6, 2),
        "gmac": round(counter.get_total_flops() / 2e9, 3),
    }


def markdown(rows: list[dict[str, Any]]) -> str:
    """The rows as a table."""
    keys = list(rows[0])
    lines = ["| " + " | ".join(keys) + " |", "|" + "---|" * len(keys)]
    lines += [
        "| " + " | ".join("–" if r[k] is None else str(r[k]) for k in keys) + " |" for r in rows
    ]
    return "\n".join(lines) + "\n"
