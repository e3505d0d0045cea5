"""A card's data and terms come from the sets that were really trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from headpose.data.packs import read_pack
from headpose.data.sources import UNKNOWN, lineage_of, sources_of, terms_of
from headpose.data.store import build_store
from headpose.networks import NetworkConfig
from headpose.train.config import DataConfig, TeacherConfig, TrainConfig


def renamed(pack: Path, name: str):  # type: ignore[no-untyped-def]
    return dataclasses.replace(read_pack(pack), source=name)


def test_sets_are_named_counted_and_have_their_own_terms(pack: Path, tmp_path: Path) -> None:
    names = ["heads_train", "train_ytf", "my_pack"]
    store = build_store([renamed(pack, n) for n in names], tmp_path)
    rows = np.flatnonzero(store.source != 2)[:50]  # none of the third was trained on
    found = {s.set: s for s in sources_of(store, rows)}
    assert set(found) == {"heads_train", "train_ytf"}
    assert sum(s.heads for s in found.values()) == 50
    assert found["heads_train"].open and not found["train_ytf"].open
    assert "YouTube" in found["train_ytf"].pictures
    unknown = sources_of(store, np.flatnonzero(store.source == 2))
    assert [s.terms for s in unknown] == [UNKNOWN] and not unknown[0].open


def test_terms_follow_from_the_sources(pack: Path, tmp_path: Path) -> None:
    store = build_store([renamed(pack, n) for n in ("class_train", "train_ytf")], tmp_path)
    rendered = sources_of(store, np.flatnonzero(store.source == 0))
    assert terms_of(rendered).startswith("Open")
    both = sources_of(store, np.arange(len(store)))
    assert "Research use only" in terms_of(both) and "train_ytf" in terms_of(both)
    assert "class_train" not in terms_of(both)


def test_starts_and_teachers_have_terms_too() -> None:
    plain = TrainConfig(name="x", steps=1)
    assert lineage_of(plain) == []
    lite = TrainConfig(name="x", steps=1, network=NetworkConfig(backbone="lite0", imagenet=True))
    assert "Apache-2.0" in lineage_of(lite)[0].terms
    taught = TrainConfig(
        name="x", steps=1, init="lite0", teacher=TeacherConfig(weights="sdam-r50"),
        data=DataConfig(labels="runs/refined.npz"),
    )  # fmt: skip
    assert [s.set for s in lineage_of(taught)] == [
        "start: lite0", "teacher: sdam-r50", "refined labels: refined",
    ]  # fmt: skip
    assert terms_of(lineage_of(taught)).startswith("Research use only")
