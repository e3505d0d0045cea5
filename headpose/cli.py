"""``headpose``: the model's own life.  Commands only parse, call and print.

Progress goes to stderr, results to stdout; exit code 0 done, 1 done but the answer is "not good
enough", 2 could not be done.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from headpose.errors import HeadPoseError

app = typer.Typer(
    help="Head pose from small faces: train, measure and export models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Json = Annotated[bool, typer.Option("--json", help="Machine-readable result.")]
Weights = Annotated[str, typer.Option(help="Shipped name, 'default', or a .pt file.")]
Runtime = Annotated[
    str,
    typer.Option(help="auto, fast, openvino, openvino-int8, torch, torch-compile or onnxruntime."),
]
Data = Annotated[
    str, typer.Option(help="A pack (.npz) or KIND:PATH (300wlp, aflw2000, biwi, biwi-test).")
]
Threads = Annotated[int | None, typer.Option(help="CPU threads.")]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@app.command()
def train(
    config: Annotated[Path, typer.Option(help="TOML file, see docs/headpose.md.")],
    out: Annotated[Path, typer.Option(help="Folder of the run; one that exists is gone on with.")],
) -> None:
    """Train a network, or go on with a run that was stopped.

    Example: headpose train --config lite0.toml --out runs/lite0
    """
    from headpose.train.config import load_config
    from headpose.train.trainer import train as run

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    print(run(load_config(config), out))


@app.command()
def evaluate(
    data: Data,
    weights: Weights = "default",
    runtime: Runtime = "auto",
    threads: Threads = None,
    all_angles: Annotated[
        bool, typer.Option(help="Keep heads with an angle beyond 99 degrees.")
    ] = False,
    target_mae: Annotated[
        float | None, typer.Option(help="Exit 1 if the full-size MAE is larger.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Errors by angle, by yaw and by face size (protocol 1 leaves out angles beyond 99 degrees).

    Example: headpose evaluate --data aflw2000:/data/AFLW2000 --weights sdam-r50
    """
    from headpose.estimator import HeadPoseEstimator
    from headpose.evaluate import evaluate as run
    from headpose.evaluate import markdown, read_set

    samples = read_set(data)
    if not all_angles:
        samples = samples.within_deg(99.0)
    estimator = HeadPoseEstimator.load(weights, runtime, threads)
    result = run(estimator, samples, progress=lambda s: _say(f"face size {s}"))
    print(json.dumps(result, indent=1) if as_json else markdown([result]))
    if target_mae is not None and result["sizes"]["full"]["mae"]["mean"] > target_mae:
        raise typer.Exit(1)


@app.command()
def ablate(
    config: Annotated[Path, typer.Option(help="TOML file with [base], suites, seeds.")],
    out: Annotated[Path, typer.Option(help="Folder; rows that are there already are kept.")],
    test: Annotated[
        str | None, typer.Option(help="A set to report on; nothing is chosen by it.")
    ] = None,
    as_json: Json = False,
) -> None:
    """The papers' ablation tables at the scale that the config gives.

    Example: headpose ablate --config tiny.toml --out runs/ablation
    """
    from headpose.research.ablate import ablate as run
    from headpose.research.ablate import differences, load_ablation, markdown

    rows = run(load_ablation(config), out, test, _say)
    compared = differences(rows, out)
    if as_json:
        rows = [r | {"difference": compared.get(r["change"])} for r in rows]
        print(json.dumps(rows, indent=1))
    else:
        print(markdown(rows, compared))


@app.command()
def bench(
    weights: Annotated[
        list[str] | None, typer.Option(help="Names; all shipped by default.")
    ] = None,
    runtime: Annotated[list[str] | None, typer.Option(help="Names; all usable by default.")] = None,
    batch: Annotated[list[int] | None, typer.Option(help="Batch sizes (1 and 16).")] = None,
    threads: Annotated[int, typer.Option(help="CPU threads.")] = 1,
    cpu_time: Annotated[bool, typer.Option(help="Processor time: for a busy machine.")] = False,
    peer: Annotated[list[Path] | None, typer.Option(help="Other networks, .onnx.")] = None,
    as_json: Json = False,
) -> None:
    """Crops per second by runtime and batch, with the ratio to the plain ResNet-50.

    Example: headpose bench --weights lite0 --batch 16 --json
    """
    from headpose import weights as weight_files
    from headpose.bench import bench as run
    from headpose.bench import bench_peer, markdown

    rows = run(
        weights or weight_files.shipped(),
        runtime,
        tuple(batch or (1, 16)),
        threads,
        cpu_time=cpu_time,
        progress=_say,
    )
    rows += [bench_peer(p, threads, cpu_time=cpu_time) for p in peer or []]
    print(json.dumps(rows, indent=1) if as_json else markdown(rows))


@app.command()
def similarity(
    data: Data,
    out: Annotated[Path | None, typer.Option(help="HTML figure to write.")] = None,
    train_steps: Annotated[
        int, typer.Option(help="Train the LeNet this long first; 0 = random.")
    ] = 300,
    as_json: Json = False,
) -> None:
    """DADL's similarity analysis of a set, and where SLCS's widths come from.

    Example: headpose similarity --data 300wlp:/data/300W_LP --out similarity.html
    """
    from headpose import rotation
    from headpose.evaluate import read_set
    from headpose.labels import derive_slcs_sigma
    from headpose.research.similarity import figure, lenet_features, similarity_by_angle

    samples = read_set(data).within_deg(99.0)
    curves = similarity_by_angle(
        lenet_features(samples, train_steps), rotation.angles_deg(samples.R)
    )
    if out:
        figure(curves).write_html(out)
        _say(f"wrote {out}")
    slcs = derive_slcs_sigma()
    if as_json:
        rows = [
            {"angle": c.angle, "sigma_deg": c.sigma_deg, "sigma_negative_deg": c.sigma_left_deg,
             "sigma_positive_deg": c.sigma_right_deg, "centre_deg": c.centre_deg.tolist(),
             "similarity": c.similarity.tolist(), "n": c.count.tolist()} for c in curves
        ]  # fmt: skip
        derived = [
            {"angle": s.angle, "derived_rad": s.derived_rad, "published": s.published} for s in slcs
        ]
        print(json.dumps({"dadl": rows, "slcs": derived}, indent=1))
        return
    for c in curves:
        print(
            f"{c.angle:5s} sigma {c.sigma_deg:5.1f} deg (negative side {c.sigma_left_deg:5.1f}, "
            f"positive {c.sigma_right_deg:5.1f}), {c.count.sum()} heads in {len(c.count)} bins"
        )
    print("SLCS widths from the schematic face:")
    for s in slcs:
        print(" ", s.line())


@app.command()
def figures(
    data: Data,
    out: Annotated[Path, typer.Option(help="Folder for the pictures.")],
    weights: Weights = "default",
    runtime: Runtime = "auto",
) -> None:
    """Axes and cubes on faces, the worst cases, errors by yaw, Grad-CAM.

    Example: headpose figures --data test.npz --out figures
    """
    from headpose.estimator import HeadPoseEstimator
    from headpose.evaluate import read_set
    from headpose.research.figures import write_all

    for path in write_all(HeadPoseEstimator.load(weights, runtime), read_set(data), out):
        print(path)


@app.command()
def refine(
    config: Annotated[Path, typer.Option(help="TOML file of the training.")],
    out: Annotated[Path, typer.Option(help="Refined labels (.npz), for data.labels.")],
    weights: Annotated[
        list[str] | None, typer.Option(help="Names or .pt files; all shipped by default.")
    ] = None,
    share: Annotated[float, typer.Option(help="Where between label (0) and networks (1).")] = 0.5,
    leave: Annotated[
        list[str] | None, typer.Option(help="Set whose labels stay (surer ones always do).")
    ] = None,
    runtime: Runtime = "auto",
    views: Annotated[
        int, typer.Option(help="Crops a head is seen in, each mirrored, too: 1, 2 or 3.")
    ] = 3,
) -> None:
    """Average unsure training labels with what trained networks see in mirrored and moved crops.

    Example: headpose refine --config sdam-r50.toml --out refined.npz
    """
    from headpose import weights as weight_files
    from headpose.research.refine import refine as run
    from headpose.train.config import load_config

    names = weights or weight_files.shipped()
    print("set                        label to networks, mean geodesic, degrees")
    found = run(load_config(config), names, out, share, leave or (), runtime, views, _say)
    for name, distance in found.items():
        print(f"{name:26s} {distance:.2f}")


@app.command()
def average(
    checkpoint: Annotated[Path, typer.Option(help="best.pt of a fine-tuning run.")],
    other: Annotated[str, typer.Option(help="What it started from: a name, weights or best.pt.")],
    out: Annotated[Path, typer.Option(help="The average, a checkpoint for `headpose export`.")],
) -> None:
    """Average a fine-tuned network with what it started from, in the best share on held-out heads.

    Example: headpose average --checkpoint runs/more/best.pt --other lite0 --out runs/average.pt
    """
    from headpose.research.average import average as run

    print("share  geodesic error on held-out heads, degrees: full, 24 px, 16 px")
    for t in run(checkpoint, other, out):
        print(f"{t.share:5.1f}  " + "  ".join(f"{e:.3f}" for e in t.geodesic_deg))


@app.command()
def export(
    checkpoint: Annotated[Path, typer.Option(help="best.pt of a run.")],
    name: Annotated[str, typer.Option(help="Name of the weights.")],
    out: Annotated[Path | None, typer.Option(help="Folder; the package's own by default.")] = None,
    test: Annotated[
        list[str] | None, typer.Option(help="NAME=SET: measured, and written into the card.")
    ] = None,
    failure: Annotated[
        list[str] | None, typer.Option(help="A known failure, in words, for the card.")
    ] = None,
) -> None:
    """Calibrate a checkpoint's uncertainty and write weights and model card.

    Example: headpose export --checkpoint runs/lite0/best.pt --name lite0 --test "mine=test.npz"
    """
    from headpose import weights as weight_files
    from headpose.errors import ConfigError
    from headpose.train.export import export as run

    for t in test or []:
        if "=" not in t:
            raise ConfigError(f"--test is NAME=SET, e.g. rendered=heads_test.npz; got {t!r}")
    tests = dict(t.split("=", 1) for t in test or [])
    print(run(checkpoint, name, out or weight_files.FOLDER, tests, tuple(failure or ())))


@app.command()
def quantise(
    weights: Annotated[str, typer.Option(help="Shipped weights.")],
    config: Annotated[Path, typer.Option(help="TOML file whose held-out heads judge.")],
    calibration: Annotated[
        list[Path], typer.Option(help="Pack of heads as they will be seen; sets the ranges.")
    ],
    out: Annotated[Path | None, typer.Option(help="Folder; the package's own by default.")] = None,
    as_json: Json = False,
) -> None:
    """An INT8 version of weights, and whether it is as good on held-out heads; exit 1: it is not.

    Example: headpose quantise --weights lite0 --config lite0.toml --calibration class_train.npz
    """
    from headpose import weights as weight_files
    from headpose.train.config import load_config
    from headpose.train.quantise import quantise as run

    folder = out or weight_files.FOLDER
    table = run(weights, calibration, load_config(config), folder, _say)
    if as_json:
        print(json.dumps(table, indent=1))
    else:
        print("\n".join(f"{k}: {v}" for k, v in table.items()))
    if not table["passed"]:
        raise typer.Exit(1)


@app.command()
def cover(
    weights: Annotated[str, typer.Option(help="Shipped weights, or a .pt file with its card.")],
    config: Annotated[Path, typer.Option(help="TOML file whose held-out heads are covered.")],
    worn: Annotated[
        list[Path] | None, typer.Option(help="Pack of heads that wear something, which says what.")
    ] = None,
) -> None:
    """Learn which faces are covered and how much wider that makes the uncertainty.

    Example: headpose cover --weights lite0 --config lite0.toml --worn worn.npz
    """
    from headpose import weights as weight_files
    from headpose.train.config import load_config
    from headpose.train.visibility import learn

    table = learn(weight_files.load(weights), load_config(config), worn or (), _say)
    print("\n".join(f"{k}: {v}" for k, v in table.items()))


@app.command()
def card(
    name: Annotated[str, typer.Argument(help="Shipped weights.")], as_json: Json = False
) -> None:
    """The model card of shipped weights: data, terms, recipe, errors, known failures.

    Example: headpose card lite0
    """
    from headpose import weights as weight_files

    if as_json:
        print(json.dumps(weight_files.card(name), indent=1, default=str))
    else:
        weight_files.card(name)  # says what is wrong with the name
        print((weight_files.FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def main(argv: list[str] | None = None) -> Any:
    """Entry point: one clear line and exit code 2 for an error that the user can mend."""
    try:
        return app(argv, standalone_mode=True)
    except HeadPoseError as e:
        _say(f"headpose: {e}")
        raise SystemExit(2) from e


if __name__ == "__main__":
    main()
