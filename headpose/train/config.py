"""Training configuration: one TOML file, one pydantic model, no key that is not used."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headpose.data.augment import AugmentConfig
from headpose.errors import ConfigError
from headpose.networks.registry import NetworkConfig
from headpose.train.losses import LossConfig


class DataConfig(BaseModel):
    """Where the training pictures come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    packs: tuple[str, ...] = ()
    """Packs (.npz files) or folders whose ``train_*.npz`` are all taken."""
    folders: tuple[str, ...] = ()
    """Data sets as they are distributed, ``KIND:PATH`` with KIND 300wlp, aflw2000 or biwi."""
    store: str = "headpose-store"
    """Folder for the decoded pictures (49 kB a head), reused by later runs."""
    weights: dict[str, float] = Field(default_factory=dict)
    """How often a set is drawn, by name of the set; 1 where not named, 0 leaves it out."""
    sigma_deg: dict[str, float] = Field(default_factory=dict)
    """Label noise of a set by name, where it is better known than the set says (renderings)."""
    worn: tuple[str, ...] = ()
    """Sets whose people may wear masks: what the augmentation's ``cover_share`` hides of them says
    nothing of what is hidden."""
    labels: str | None = None
    """Refined labels of the training heads (``headpose refine``); held-out heads keep their own."""
    validation_share: float = Field(default=0.06, ge=0, lt=1)
    """Share of the *groups* (persons, photographs) held out to choose and to calibrate."""
    split_seed: int = 0


class TeacherConfig(BaseModel):
    """Distillation: a trained network, which sees each head undisturbed, is believed in part."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: str
    """Name of shipped weights, a weights file, or a run's checkpoint."""
    share: float = Field(0.5, ge=0, le=1)
    """How much of the rotation loss is towards the teacher's answer instead of the label (where
    labels are exact: none).  Heads without annotated landmarks take all of the teacher's."""


class TrainConfig(BaseModel):
    """One training run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    network: NetworkConfig = NetworkConfig()
    data: DataConfig = DataConfig()
    augment: AugmentConfig = AugmentConfig()
    loss: LossConfig = LossConfig()
    teacher: TeacherConfig | None = None
    px: tuple[tuple[float, int], ...] = ((0.0, 80),)
    """Crop sizes over the run: (progress 0..1 from which, pixels).  The last is the network's."""
    batch: int = Field(64, ge=2)
    steps: int | None = None
    """Length in optimiser steps; or, with ``minutes``, in wall time (for a shared machine)."""
    minutes: float | None = None
    lr: float = 1.5e-3
    warmup: float = 0.05
    weight_decay: float = 0.01
    optimizer: Literal["adamw", "sgd"] = "adamw"
    ema: float = Field(0.998, ge=0, lt=1)
    bf16: bool = True
    """Multiply in bf16 where the machine has it in hardware (never where it would be emulated)."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    threads: int = 1
    workers: int = 1
    seed: int = 0
    init: str | None = None
    """Name of shipped weights, a checkpoint (``best.pt``/``last.pt``) or a weights file, whose
    matching tensors are the start."""
    validate_every: int = 500
    """Steps between validations; the checkpoint with the lowest validation error is kept."""
    validation_limit: int = 800

    def model_post_init(self, _context: object) -> None:
        if (self.steps is None) == (self.minutes is None):
            raise ConfigError("give the length of the run once: either steps or minutes")
        if not self.px or self.px[0][0] != 0:
            raise ConfigError("px must begin with progress 0, e.g. [[0.0, 64], [0.5, 80]]")
        if self.teacher and self.network.rotation_head != "sixd":
            raise ConfigError("a teacher teaches 6-D heads only: network.rotation_head = 'sixd'")


def load_config(path: str | Path) -> TrainConfig:
    """Read a TOML file; every wrong key is one line of one error.

    ``extends = "OTHER.toml"`` (beside the file) starts from another file's keys, table by table.
    """
    path = Path(path)
    try:
        return TrainConfig.model_validate(read_toml(path))
    except ValidationError as e:
        raise ConfigError(f"{path}:\n" + "\n".join(
            f"  {'.'.join(map(str, x['loc'])) or 'file'}: {x['msg']}" for x in e.errors()
        )) from e  # fmt: skip


def read_toml(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The keys of a TOML file and of the one it ``extends``, if any; ``above`` led here."""
    if path in above:
        raise ConfigError(f"{path}: extends itself by way of {above[-1]}")
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        asked = f" (extended by {above[-1]})" if above else ""
        raise ConfigError(f"no such config: {path}{asked}") from e
    except tomllib.TOMLDecodeError as e:
        raise ConfigError(f"{path}: not TOML: {e}") from e
    if "extends" not in given:
        return given
    base = read_toml(path.parent / str(given.pop("extends")), (*above, path))
    return _merged(base, given)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """``over`` on top of ``base``, tables within tables likewise."""
    both = base | over
    for key in base.keys() & over.keys():
        if isinstance(base[key], dict) and isinstance(over[key], dict):
            both[key] = _merged(base[key], over[key])
    return both
