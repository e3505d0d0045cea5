"""Bake the simulator's people: parametric bodies (anny, CC0 data) → ``people.npz``, committed, so
that nobody else needs anny.

A developer's command, in three steps that each leave a file (so that one can be repeated alone)::

    python -m tools.people_factory.bake bodies  # needs anny; writes the meshes
    python -m tools.people_factory.bake landmarks face68_model.npz  # dlib's weights; S axes
    python -m tools.people_factory.bake crowd CROWD.npz 60 7  # 60 random people more, seed 7,
    python -m tools.people_factory.bake landmarks face68_model.npz CROWD.npz  # to train on
    python -m tools.people_factory.bake check HEADS.npz headpose_peers.py  # against others

Body frame B of every person (the axes of a head at rest, S of docs/conventions.md): x = the
person's left, y = up, z = forward; metres; origin = the pivot about which the head turns (the
middle of the neck). See :mod:`sessions.simulation.people` for the file's fields.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from sessions.simulation.people import PARTS, PEOPLE_FILE, Person, load_people, save_people

# Vertex ranges of MakeHuman's base mesh (fixed by its topology).
BODY_VERTICES = 13380
LEFT_EYE, RIGHT_EYE = slice(14598, 14670), slice(14670, 14742)

SKIN = {  # sRGB 0-255, roughly Fitzpatrick I to VI
    "fair": (236, 196, 176),
    "light": (222, 178, 150),
    "olive": (200, 154, 120),
    "tan": (176, 126, 94),
    "brown": (140, 94, 66),
    "dark": (98, 64, 47),
}
HAIR = {
    "black": (24, 20, 19),
    "dark brown": (48, 32, 24),
    "brown": (86, 58, 38),
    "auburn": (112, 54, 30),
    "blond": (168, 128, 78),
    "grey": (132, 130, 128),
}
IRIS = {
    "brown": (72, 46, 28),
    "dark": (44, 30, 22),
    "blue": (82, 112, 140),
    "green": (84, 100, 66),
    "grey": (100, 108, 112),
}


@dataclass(frozen=True)
class Spec:
    """One person in words; the numbers are anny's phenotypes (0 … 1; age 1/3 = child, 2/3 = young
    adult).
    """

    name: str
    role: str  # "train" or "test": test people are never used for training
    age: float
    female: float
    weight: float
    muscle: float
    ancestry: tuple[float, float, float]  # african, asian, caucasian
    skin: str
    hair: str
    hair_style: str
    iris: str
    glasses: bool
    shirt: tuple[int, int, int]
    face: tuple[tuple[str, float], ...] = ()
    """anny's local changes (nose, chin, forehead, ...), each -1 ... 1."""


# age, female, weight, muscle and ancestry (african/asian/caucasian) are anny's phenotypes;
# short-haired fringes are written with a hyphen
PEOPLE = """
name  role  age fem. wt. mus. af/as/ca    skin  hair       style        iris  gl. shirt
ada   train .40 .95  .45 .45  0/0.1/0.9   fair  blond      long         blue  no  150/48/44
ben   train .42 .05  .50 .45  0/0.1/0.9   light brown      short        brown no  60/84/140
chidi train .45 .05  .45 .45  1/0/0       dark  black      crop         dark  no  212/206/190
dilan train .48 .10  .60 .45  0.1/0.4/0.5 olive black      short        dark  yes 52/98/72
emi   train .43 .95  .40 .45  0/1/0       light black      fringe       dark  no  196/170/60
fatou train .46 .95  .50 .45  1/0/0       brown black      afro         dark  no  176/92/140
goran train .52 .02  .70 .45  0/0.1/0.9   light dark-brown short        green yes 70/70/76
hana  train .50 .90  .55 .45  0/0.6/0.4   olive dark-brown ponytail     brown no  110/160/190
ines  train .38 .90  .50 .45  0.2/0.1/0.7 tan   brown      bun          brown yes 200/120/80
jun   train .44 .05  .55 .45  0/1/0       light black      fringe-short dark  yes 36/60/90
kiran train .47 .15  .40 .45  0.2/0.6/0.2 brown black      short        dark  no  120/120/60
lea   train .55 .95  .45 .45  0/0/1       fair  auburn     bob          green no  60/110/110
mats  train .36 .10  .45 .45  0/0/1       fair  blond      fringe-short blue  no  190/60/40
noor  train .49 .95  .50 .45  0.1/0.4/0.5 olive dark-brown scarf        brown no  90/80/120
otto  train .86 .05  .60 .40  0/0.1/0.9   light grey       crop         grey  yes 96/102/110
pia   test  .41 .95  .50 .45  0.1/0.3/0.6 tan   dark-brown long         brown no  80/140/80
quang test  .46 .08  .48 .45  0/0.9/0.1   olive black      short        dark  yes 140/140/150
rosa  test  .52 .92  .60 .45  0.6/0/0.4   brown black      bun          brown no  160/60/90
sven  test  .50 .04  .45 .45  0/0/1       fair  brown      crop         blue  no  50/60/110
"""


def _spec(line: str) -> Spec:
    """One line of :data:`PEOPLE`."""
    word = line.split()
    ancestry, shirt = word[6].split("/"), word[12].split("/")
    return Spec(
        name=word[0],
        role=word[1],
        age=float(word[2]),
        female=float(word[3]),
        weight=float(word[4]),
        muscle=float(word[5]),
        ancestry=(float(ancestry[0]), float(ancestry[1]), float(ancestry[2])),
        skin=word[7],
        hair=word[8].replace("-", " "),
        hair_style=word[9].replace("-", " "),
        iris=word[10],
        glasses=word[11] == "yes",
        shirt=(int(shirt[0]), int(shirt[1]), int(shirt[2])),
    )


SPECS = [_spec(line) for line in PEOPLE.strip().splitlines()[1:]]

# Parts of a face that make a crowd's people different; what moves a feature sideways is left out,
# since landmarks are measured as mirror-symmetric.
_FACE_DETAIL = ("cheek", "chin", "ear", "eyebrows", "eye", "forehead", "head", "mouth", "nose")
_DETAIL_SIGMA, _DETAIL_MOST = 0.3, 0.7


def crowd(count: int, seed: int, detail_labels: list[str]) -> list[Spec]:
    """``count`` random people (role "train"): school age more than old, faces of their own."""
    rng = np.random.default_rng([seed, 77])
    middle = [
        label
        for label in detail_labels
        if label.startswith(_FACE_DETAIL) and not label.endswith(("trans-out", "angle-out"))
    ]
    sides = [label[2:] for label in detail_labels if label.startswith("l-")]
    sides = [s for s in sides if s.startswith(_FACE_DETAIL)]
    styles = ("short", "long", "crop", "fringe", "afro", "ponytail", "bun", "fringe short", "bob",
              "scarf")  # fmt: skip
    out = []
    for i in range(count):
        ancestry = rng.dirichlet([0.5, 0.5, 0.5])
        female = float(rng.choice([rng.uniform(0, 0.2), rng.uniform(0.8, 1)]))
        style = str(rng.choice(styles))
        while female < 0.5 and style in ("long", "ponytail", "bun", "bob", "scarf"):
            style = str(rng.choice(styles))
        amount = dict(zip(middle, rng.normal(0, _DETAIL_SIGMA, len(middle)), strict=True))
        for name, v in zip(sides, rng.normal(0, _DETAIL_SIGMA, len(sides)), strict=True):
            amount |= {f"l-{name}": v, f"r-{name}": v}
        old = rng.random() < 0.12
        out.append(
            Spec(
                name=f"crowd{seed}-{i:03d}",
                role="train",
                age=float(rng.uniform(0.6, 0.9) if old else rng.uniform(0.34, 0.6)),
                female=female,
                weight=float(rng.uniform(0.3, 0.75)),
                muscle=float(rng.uniform(0.3, 0.6)),
                ancestry=(float(ancestry[0]), float(ancestry[1]), float(ancestry[2])),
                skin=str(rng.choice(list(SKIN))),
                hair="grey" if old else str(rng.choice(list(HAIR))),
                hair_style=style,
                iris=str(rng.choice(list(IRIS))),
                glasses=bool(rng.random() < 0.3),
                shirt=(
                    int(rng.integers(30, 220)),
                    int(rng.integers(30, 220)),
                    int(rng.integers(30, 220)),
                ),
                face=tuple(
                    (k, float(np.clip(v, -_DETAIL_MOST, _DETAIL_MOST))) for k, v in amount.items()
                ),
            )
        )
    return out


# Facial expressions kept as small offsets of the face, so that they can be mixed when rendering.
EXPRESSIONS = {
    "smile": {
        "mouthSmileLeft": 0.9,
        "mouthSmileRight": 0.9,
        "cheekSquintLeft": 0.4,
        "cheekSquintRight": 0.4,
    },
    "open": {"jawOpen": 0.45},
    "blink": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0},
    "brows": {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
}
REST_FACE = {"mouthSmileLeft": 0.12, "mouthSmileRight": 0.12}


def linear(srgb: tuple[int, int, int]) -> np.ndarray:
    """sRGB 0-255 → linear 0-1, (3,)."""
    return (np.array(srgb) / 255.0) ** 2.2


def smoothstep(low: float, high: float, x: np.ndarray) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between (``low`` > ``high`` falls)."""
    t = np.clip((x - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def waves(points: np.ndarray, size: float, seed: int) -> np.ndarray:
    """Smooth random field of about unit variance over points (N,3), features of about ``size``."""
    rng = np.random.default_rng(seed)
    value = np.zeros(len(points))
    for _ in range(12):
        direction = rng.normal(size=3)
        direction /= np.linalg.norm(direction)
        value += np.sin(
            points @ direction * 2 * np.pi / size * (0.6 + 0.8 * rng.random()) + rng.random() * 6.28
        )
    return np.asarray(value / np.sqrt(6))


class Base:
    """MakeHuman's base mesh: triangles and texture coordinates by group, painted masks, anny's
    model.
    """

    def __init__(self, face_details: bool = False) -> None:
        import anny
        import torch
        from PIL import Image

        self.torch = torch
        self.model = anny.Anny(
            rig="makehuman",
            topology="makehuman-full",
            facial_actions="all",
            phenotypes="all",
            local_changes="all" if face_details else "none",
        ).to(dtype=torch.float32)
        data = Path(anny.__file__).parent / "data" / "mpfb2"
        texture: list[list[float]] = []
        self.quads: dict[str, list[list[tuple[int, int]]]] = {}
        group = ""
        with open(data / "3dobjs" / "base.obj") as lines:
            for line in lines:
                if line.startswith("vt "):
                    texture.append([float(x) for x in line.split()[1:3]])
                elif line.startswith("g "):
                    group = line.split()[1]
                elif line.startswith("f "):
                    corners = [
                        tuple(int(i) - 1 for i in c.split("/")[:2]) for c in line.split()[1:]
                    ]
                    self.quads.setdefault(group, []).append(corners)  # type: ignore[arg-type]
        body = self.triangles("body")
        uv_of_vertex = np.zeros((len(self.model.template_vertices), 2))
        for quad in self.quads["body"]:
            for vertex, tex in quad:
                uv_of_vertex[vertex] = texture[tex]
        self.masks = {}
        for name in ("lips", "eyelids", "ears"):
            image = (
                np.asarray(Image.open(data / "textures" / f"mpfb_{name}.jpg").convert("L"), float)
                / 255
            )
            h, w = image.shape
            row = np.clip(((1 - uv_of_vertex[:, 1]) * h).astype(int), 0, h - 1)
            col = np.clip((uv_of_vertex[:, 0] * w).astype(int), 0, w - 1)
            self.masks[name] = image[row, col]
        self.body = body
        self.head_share = self._head_share()

    def triangles(self, group: str) -> np.ndarray:
        """(F,3) vertex numbers of a group of the base mesh."""
        out = []
        for quad in self.quads[group]:
            corner = [c[0] for c in quad]
            out.append(corner[:3])
            if len(corner) == 4:
                out.append([corner[0], corner[2], corner[3]])
        return np.array(out)

    def _head_share(self) -> np.ndarray:
        """(V,) share of the head's turn that each vertex takes: 1 on the head, falling to 0 down
        the neck, from anny's skinning.
        """
        labels = list(self.model.bone_labels)
        parents = np.asarray(self.model.bone_parents)
        share = np.zeros(len(labels))
        for i, label in enumerate(labels):
            share[i] = {"neck01": 0.2, "neck02": 0.5, "neck03": 0.8, "head": 1.0}.get(
                label, share[parents[i]] if i else 0.0
            )
            if i and labels[parents[i]] == "head":
                share[i] = 1.0
        weights = self.model.vertex_bone_weights.numpy()
        bones = self.model.vertex_bone_indices.numpy()
        total = weights.sum(1)
        return np.asarray((weights * share[bones]).sum(1) / np.where(total > 0, total, 1))

    def pose(self) -> object:
        """Seated, forearms forward on the desk."""
        torch = self.torch
        labels = list(self.model.bone_labels)
        pose = torch.eye(4)[None, None].repeat(1, len(labels), 1, 1)

        def turn(axis: int, degrees: float) -> object:
            a = np.deg2rad(degrees)
            m = np.eye(4)
            i, j = [1, 2, 0][axis], [2, 0, 1][axis]
            m[i, i] = m[j, j] = np.cos(a)
            m[i, j], m[j, i] = -np.sin(a), np.sin(a)
            return torch.tensor(m, dtype=torch.float32)

        for side, sign in (("L", 1), ("R", -1)):
            pose[0, labels.index(f"upperarm01.{side}")] = turn(0, -30) @ turn(1, sign * 36)  # type: ignore[operator]
            pose[0, labels.index(f"lowerarm01.{side}")] = turn(2, -sign * 18) @ turn(0, -24)  # type: ignore[operator]
            pose[0, labels.index(f"upperleg01.{side}")] = turn(0, -85)
            pose[0, labels.index(f"lowerleg01.{side}")] = turn(0, 85)
        return pose

    def vertices(
        self, spec: Spec, face: dict[str, float], seated: bool = True
    ) -> tuple[np.ndarray, np.ndarray]:
        """Posed vertices (V,3) and bones (B,3) in anny's axes (x left, −y forward, z up)."""
        phenotypes = dict.fromkeys(self.model.phenotype_labels, 0.5)
        phenotypes.update(
            age=spec.age,
            gender=1 - spec.female,
            muscle=spec.muscle,
            weight=spec.weight,
            cupsize=0.3,
            firmness=0.6,
            proportions=0.6,
            african=spec.ancestry[0],
            asian=spec.ancestry[1],
            caucasian=spec.ancestry[2],
        )
        arguments = {"pose_parameters": self.pose()} if seated else {}
        if spec.face:
            arguments["local_changes_kwargs"] = dict(spec.face)
        out = self.model(phenotype_kwargs=phenotypes, facial_actions=face, **arguments)
        return out["vertices"][0].numpy().astype(float), out["bone_poses"][
            0, :, :3, 3
        ].numpy().astype(float)


def loop_operator(faces: np.ndarray, count: int) -> tuple[sp.csr_matrix, np.ndarray]:
    """Loop subdivision as a linear map: new vertices = S @ old; (S, new faces (4F,3)).

    Any attribute can go through S.
    """
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, inverse, uses = np.unique(edges, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(3, -1)
    opposite = np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])
    e = len(unique)
    inner = uses == 2
    rows, cols, vals = [], [], []
    for k in range(2):  # edge points: 3/8 ends + 1/8 opposite (inside), 1/2 ends (border)
        rows.append(count + np.arange(e))
        cols.append(unique[:, k])
        vals.append(np.where(inner, 0.375, 0.5))
    rows.append(count + inverse.ravel())
    cols.append(opposite)
    vals.append(np.where(inner[inverse.ravel()], 0.125, 0.0))
    neighbours = sp.coo_matrix(
        (np.ones(2 * e), (unique.ravel(), unique[:, ::-1].ravel())), (count, count)
    ).tocsr()
    degree = np.asarray(neighbours.sum(1)).ravel()
    rim = np.zeros(count, bool)
    rim[unique[~inner].ravel()] = True
    rim_edges = unique[~inner]
    with np.errstate(divide="ignore", invalid="ignore"):
        beta = np.where(
            degree > 0,
            (0.625 - (0.375 + 0.25 * np.cos(2 * np.pi / np.maximum(degree, 1))) ** 2) / degree,
            0,
        )
    beta[rim] = 0
    even = sp.diags(np.where(rim, 0.75, 1 - beta * degree)) + sp.diags(beta) @ neighbours
    both = np.concatenate([rim_edges, rim_edges[:, ::-1]])
    even = even + sp.coo_matrix(
        (np.full(len(both), 0.125), (both[:, 0], both[:, 1])), (count, count)
    )
    odd = sp.coo_matrix(
        (np.concatenate(vals), (np.concatenate(rows) - count, np.concatenate(cols))), (e, count)
    )
    a, b, c = faces.T
    ab, bc, ca = (count + inverse[k] for k in range(3))
    new = np.concatenate(
        [np.stack(t, 1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    )
    return sp.vstack([even, odd]).tocsr(), new


def vertex_normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (N,3)."""
    tri = points[faces]
    flat = np.cross(tri[:, 1] - tri[:, 0], tri[:, 2] - tri[:, 0])
    normal = np.zeros_like(points)
    for k in range(3):
        np.add.at(normal, faces[:, k], flat)
    return np.asarray(normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12))


class Builder:
    """Collects the parts of one person: points, faces, colours, head share, expression offsets."""

    def __init__(self) -> None:
        self.parts: list[
            tuple[int, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
        ] = []

    def add(
        self,
        part: str,
        points: np.ndarray,
        faces: np.ndarray,
        colour: np.ndarray,
        share: np.ndarray | float,
        offsets: np.ndarray | None = None,
    ) -> None:
        """Keep only the vertices that ``faces`` use."""
        used = np.unique(faces)
        renumber = np.full(len(points), -1)
        renumber[used] = np.arange(len(used))
        n = len(used)
        colour = np.broadcast_to(colour, (len(points), 3))[used]
        share_of = np.broadcast_to(np.asarray(share, float), len(points))[used]
        moved = np.zeros((len(EXPRESSIONS), n, 3)) if offsets is None else offsets[:, used]
        self.parts.append(
            (PARTS.index(part), points[used], renumber[faces], colour, share_of, moved)
        )


def rim_vertices(faces: np.ndarray) -> np.ndarray:
    """Vertices on the open borders of a mesh."""
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    return np.unique(unique[uses == 1])


def hairline(azimuth_deg: np.ndarray, style: str) -> np.ndarray:
    """Height of the hair's lower edge above the eyes, in eye distances, by azimuth (0 = forehead,
    180 = back).
    """
    knots = [0, 25, 45, 62, 75, 90, 105, 125, 180]
    heights = {
        "default": [1.18, 1.15, 0.98, 0.55, 0.30, -0.10, 0.10, -0.75, -1.15],
        "fringe": [0.62, 0.62, 0.55, 0.30, -0.05, -0.45, -0.5, -0.85, -1.15],
        "tight": [1.22, 1.18, 1.02, 0.62, 0.40, 0.05, 0.10, -0.70, -1.05],
        "scarf": [1.00, 0.92, 0.60, 0.05, -0.80, -1.6, -1.9, -2.2, -2.4],
    }
    kind = {
        "fringe": "fringe",
        "fringe short": "fringe",
        "bob": "default",
        "bun": "tight",
        "ponytail": "tight",
        "scarf": "scarf",
    }
    return np.asarray(np.interp(azimuth_deg, knots, heights[kind.get(style, "default")]))


def tube(path: np.ndarray, radius: np.ndarray, sides: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """A closed-ended tube along ``path`` (N,3) with a radius for each point: points, faces."""
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    helper = np.where(np.abs(tangent[:, :1]) < 0.8, [[1.0, 0, 0]], [[0, 1.0, 0]])
    u = np.cross(tangent, helper)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(tangent, u)
    angle = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    ring = np.cos(angle)[None, :, None] * u[:, None] + np.sin(angle)[None, :, None] * v[:, None]
    points = (path[:, None] + ring * radius[:, None, None]).reshape(-1, 3)
    return points, grid_faces(len(path), sides, wrap=True)


def ring_basis(azimuth: np.ndarray) -> np.ndarray:
    """(N,5) slow waves around a neck: a smooth closed curve is a sum of them."""
    a = azimuth
    return np.column_stack([np.ones_like(a), np.cos(a), np.sin(a), np.cos(2 * a), np.sin(2 * a)])


def grid_faces(rows: int, cols: int, wrap: bool) -> np.ndarray:
    """Triangles of a rows × cols grid of points, its columns joined end to end if ``wrap``."""
    r, c = np.meshgrid(np.arange(rows - 1), np.arange(cols if wrap else cols - 1), indexing="ij")
    a = r * cols + c
    b = r * cols + (c + 1) % cols
    return np.concatenate(
        [
            np.stack([a, b, b + cols], -1).reshape(-1, 3),
            np.stack([a, b + cols, a + cols], -1).reshape(-1, 3),
        ]
    )


def build(base: Base, spec: Spec, number: int) -> Person:
    """One person's meshes, without landmarks (those need renders: :func:`measure_landmarks`)."""
    posed, bones = base.vertices(spec, REST_FACE)
    moved = np.stack(
        [base.vertices(spec, {**REST_FACE, **face})[0] for face in EXPRESSIONS.values()]
    )
    labels = list(base.model.bone_labels)
    pivot = (bones[labels.index("neck02")] + bones[labels.index("neck03")]) / 2
    to_b = np.array(
        [[1.0, 0, 0], [0, 0, 1.0], [0, -1.0, 0]]
    )  # anny (left, back, up) → B (left, up, forward)
    points = (posed - pivot) @ to_b.T
    offsets = (moved - posed) @ to_b.T
    offsets[:, BODY_VERTICES:] = 0  # eyes, lashes and clothes keep still

    left, right = points[LEFT_EYE], points[RIGHT_EYE]
    eyes = (left.max(0) + left.min(0) + right.max(0) + right.min(0)) / 4
    d = float(
        np.linalg.norm((left.max(0) + left.min(0) - right.max(0) - right.min(0)) / 2)
    )  # eye distance
    skin, hair = linear(SKIN[spec.skin]), linear(HAIR[spec.hair])
    out = Builder()

    # --- head and neck: one Loop step of the body mesh, cut afterwards so that the cut leaves no sp
    body = base.body
    near = (points[body][:, :, 1].min(1) > eyes[1] - 4.6 * d) & (
        np.abs(points[body][:, :, 0]).max(1) < 2.6 * d
    )
    used = np.unique(body[near])
    renumber = np.full(len(points), -1)
    renumber[used] = np.arange(len(used))
    subdivide, faces = loop_operator(renumber[body[near]], len(used))
    head = subdivide @ points[used]
    head_offsets = np.stack([subdivide @ o[used] for o in offsets])
    share = np.clip(subdivide @ base.head_share[used], 0, 1)
    mask = {name: subdivide @ m[used] for name, m in base.masks.items()}
    q = (head - eyes) / d  # eye distances: x left, y up, z forward
    normals = vertex_normals(head, faces)
    keep = (q[faces][:, :, 1].min(1) > -3.9) & (np.abs(q[faces][:, :, 0]).max(1) < 2.2)
    colour = paint_skin(q, mask, skin, hair, number, spec)

    centre = np.array([0, 0.3, -1.35])
    azimuth = np.abs(np.degrees(np.arctan2(q[:, 0], q[:, 2] - centre[2])))
    above = (
        q[:, 1]
        - hairline(azimuth, spec.hair_style)
        + (0 if spec.hair_style == "scarf" else 0.05) * waves(q, 0.25, 5 + number)
    )
    covered = smoothstep(-0.02, 0.10, above)
    if spec.hair_style != "scarf":
        covered *= (mask["ears"] < 0.15) * (q[:, 1] > -1.6)
    painted = hair if spec.hair_style != "scarf" else linear(spec.shirt) * 0.7
    colour = colour * (1 - covered[:, None]) + covered[:, None] * painted
    # --- hair: a shell over the scalp, and what hangs from it
    thick = {"crop": 0.05, "bun": 0.10, "ponytail": 0.10, "afro": 0.55, "scarf": 0.12}.get(
        spec.hair_style, 0.20
    )
    rise = smoothstep(0, 0.9 if spec.hair_style != "afro" else 0.5, above)
    lumps = (
        0.9 + 0.14 * waves(q, 0.6, 7 + number) + 0.05 * waves(q * [1, 0.35, 1], 0.14, 8 + number)
    )
    height = (0.03 + thick * rise * lumps) * d * smoothstep(-0.02, 0.1, above)
    hidden = (height[faces].min(1) > 0.05 * d) | inside_mouth(q, faces)
    out.add("head", head, faces[keep & ~hidden], colour, share, head_offsets)
    shell_faces = faces[keep & (covered[faces].min(1) > 0.05)]
    strand = (
        0.8 + 0.30 * waves(q * [1, 0.22, 1], 0.06, 9 + number) + 0.18 * waves(q, 0.4, 10 + number)
    )
    shell_colour = painted * (
        np.clip(strand, 0.25, 2)[:, None] * 1.15
        if spec.hair_style != "scarf"
        else 1 + 0.05 * strand[:, None]
    )
    out.add(
        "hair", head + normals * height[:, None], shell_faces, np.clip(shell_colour, 0, 1), share
    )
    add_hanging_hair(out, spec, eyes, d, hair, number)

    # --- eyes: rings of a sphere, fine where iris and pupil end
    centres = []
    for part, vertices in (("eye_left", LEFT_EYE), ("eye_right", RIGHT_EYE)):
        p = points[vertices]
        solution = np.linalg.lstsq(np.c_[2 * p, np.ones(len(p))], (p**2).sum(1), rcond=None)[0]
        centre_b = solution[:3]
        radius = float(np.sqrt(solution[3] + centre_b @ centre_b))
        centres.append(centre_b)
        sphere, sphere_faces, sphere_colour = painted_eye(linear(IRIS[spec.iris]), number)
        out.add(part, centre_b + sphere * radius, sphere_faces, sphere_colour, 1.0)
    lashes = np.concatenate(
        [base.triangles(f"helper-{s}-eyelashes-{k}") for s in "lr" for k in (1, 2)]
    )
    out.add("lashes", points, lashes, np.array([0.012, 0.009, 0.008]), 1.0)
    add_glasses(out, centres, d, number)  # everybody has a pair; Person.glasses says who wears it

    # --- clothes and hands
    shirt = linear(spec.shirt)
    tights = base.triangles("helper-tights")
    hip_height = float(((bones[labels.index("upperleg01.L")] - pivot) @ to_b.T)[1])
    neck_cut = eyes[1] - 2.45 * d
    visible = (points[tights][:, :, 1].max(1) < neck_cut) & (
        points[tights][:, :, 1].max(1) > hip_height - 0.12
    )
    shirt_used = np.unique(tights[visible])
    renumber = np.full(len(points), -1)
    renumber[shirt_used] = np.arange(len(shirt_used))
    cloth, shirt_faces = points[shirt_used], renumber[tights[visible]]
    r = cloth / d
    fold = 0.07 + 0.030 * waves(r, 1.1, 21 + number) + 0.012 * waves(r, 0.45, 22 + number)
    cloth = cloth + vertex_normals(cloth, shirt_faces) * (fold * d)[:, None]
    rim = rim_vertices(shirt_faces)
    rim = rim[
        (cloth[rim, 1] > neck_cut - 1.2 * d) & (np.hypot(cloth[rim, 0], cloth[rim, 2]) < 2.2 * d)
    ]
    # an even neckline, lower in front than behind, and a round collar over the cut
    cloth[rim, 1] = neck_cut - 0.10 * d - 0.22 * (cloth[rim, 2] - cloth[rim, 2].mean())
    cloth_colour = shirt * (1 + 0.06 * waves(r, 0.3, 3))[:, None]
    cloth_share = np.clip(base.head_share[shirt_used], 0, 1)
    out.add("shirt", cloth, shirt_faces, cloth_colour, cloth_share)
    middle = cloth[rim].mean(0)
    azimuth = np.arctan2(cloth[rim, 0] - middle[0], cloth[rim, 2] - middle[2])
    values = np.column_stack(
        [
            np.hypot(cloth[rim, 0] - middle[0], cloth[rim, 2] - middle[2]),
            cloth[rim, 1],
            cloth_share[rim],
        ]
    )
    fit = np.linalg.lstsq(ring_basis(azimuth), values, rcond=None)[0]
    around = np.linspace(-np.pi, np.pi, 49)
    ring = ring_basis(around) @ fit
    path = np.stack(
        [
            middle[0] + ring[:, 0] * np.sin(around),
            ring[:, 1] - 0.02 * d,
            middle[2] + ring[:, 0] * np.cos(around),
        ],
        1,
    )
    collar, collar_faces = tube(path, np.full(len(path), 0.13 * d), 8)
    out.add("shirt", collar, collar_faces, shirt * 0.72, np.repeat(np.clip(ring[:, 2], 0, 1), 8))
    hand_bones = [labels.index(f"wrist.{s}") for s in "LR"]
    hands = np.zeros(len(base.body), bool)
    for bone in hand_bones:
        distance = np.linalg.norm(points - ((bones[bone] - pivot) @ to_b.T), axis=1)
        hands |= distance[base.body].max(1) < 3.6 * d
    out.add("body", points, base.body[hands], skin, 0.0)

    wrist_height = min(float(((bones[i] - pivot) @ to_b.T)[1]) for i in hand_bones)
    parts = out.parts
    start = np.cumsum([0] + [len(p[1]) for p in parts])
    return Person(
        name=spec.name,
        role=spec.role,
        glasses=spec.glasses,
        hair_style=spec.hair_style,
        skin=spec.skin,
        age=spec.age,
        points=np.concatenate([p[1] for p in parts]),
        faces=np.concatenate([p[2] + s for p, s in zip(parts, start, strict=False)]).astype(
            np.int32
        ),
        colour=np.clip(np.concatenate([p[3] for p in parts]), 0, 1),
        share=np.concatenate([p[4] for p in parts]),
        part=np.concatenate([np.full(len(p[1]), p[0], np.uint8) for p in parts]),
        offsets=np.concatenate([p[5] for p in parts], axis=1),
        eye_centres=np.stack(centres),
        desk_height_m=wrist_height - 0.035,
        nose=np.full(3, np.nan),
        R_BS=np.eye(3),
        landmarks=np.full((68, 3), np.nan),
        landmark_residual_m=np.full(68, np.nan),
        axes_residual=float("nan"),
    )


def inside_mouth(q: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """(F,) triangles of the mouth's inside, which only a wide open mouth would show.

    ``q`` in eye distances.
    """
    c = q[faces].mean(1)
    return np.asarray(
        (np.abs(c[:, 0]) < 0.5)
        & (c[:, 1] > -1.5)
        & (c[:, 1] < -0.6)
        & (c[:, 2] < 0.0)
        & (c[:, 2] > -1.5)
    )


def paint_skin(
    q: np.ndarray,
    mask: dict[str, np.ndarray],
    skin: np.ndarray,
    hair: np.ndarray,
    seed: int,
    spec: Spec,
) -> np.ndarray:
    """Linear rgb (N,3) of the head's skin: blush, sockets, lips, brows, nostrils.

    ``q``: eye distances (left, up, forward).
    """
    c = np.tile(skin, (len(q), 1))
    front = q[:, 2] > -0.2
    red = np.zeros(len(q))
    for s in (1, -1):
        red += np.exp(-(((q[:, 0] - s * 0.72) / 0.38) ** 2 + ((q[:, 1] + 0.62) / 0.32) ** 2)) * (
            q[:, 2] > -0.4
        )
    red += (
        0.8 * np.exp(-((q[:, 0] / 0.22) ** 2 + ((q[:, 1] + 0.62) / 0.2) ** 2)) * front
        + mask["ears"] * 0.8
    )
    c *= 1 + 0.05 * waves(q, 0.35, 1 + seed)[:, None] + 0.035 * waves(q, 0.09, 2 + seed)[:, None]
    c *= 1 - np.outer(np.clip(red, 0, 1.2), [0.02, 0.20, 0.17])
    for s in (1, -1):
        socket = np.exp(-(((q[:, 0] - s * 0.5) / 0.36) ** 2 + ((q[:, 1] + 0.02) / 0.22) ** 2)) * (
            q[:, 2] > -0.6
        )
        c *= 1 - np.outer(socket * 0.34, [0.5, 0.75, 0.7])
    c *= 1 - np.outer(np.clip(mask["eyelids"], 0, 1) * 0.3, [0.6, 0.8, 0.8])
    lip = np.clip(mask["lips"], 0, 1)[:, None]
    c = c * (1 - lip) + lip * (skin * np.array([0.82, 0.42, 0.42]))
    # the mouth's line and the nostrils: dark
    corner = (
        np.exp(-(((np.abs(q[:, 0]) - 0.13) / 0.055) ** 2 + ((q[:, 1] + 0.80) / 0.05) ** 2)) * front
    )
    c *= 1 - 0.55 * corner[:, None]
    thickness = 1.0 if spec.female < 0.5 else 0.75
    for s in (1, -1):
        u = q[:, 0] * s
        along = np.clip((u - 0.14) / 0.78, 0, 1)
        arch = 0.37 + 0.10 * np.sin(np.pi * along * 0.8) - 0.05 * along
        width = (0.085 * (1 - along) ** 0.6 + 0.02) * thickness
        w = (
            smoothstep(1.25, 0.55, np.abs(q[:, 1] - arch) / width)
            * smoothstep(0.08, 0.2, u)
            * smoothstep(0.97, 0.85, u)
        )
        w *= (q[:, 2] > -0.7) * (0.78 + 0.22 * np.sin(q[:, 0] * 140 + q[:, 1] * 60))
        c = c * (1 - 0.93 * w[:, None]) + 0.93 * w[:, None] * hair * 0.8
    return np.asarray(c)


def painted_eye(iris: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit sphere cap around +z: points, faces, colours (white, iris, pupil)."""
    rings = np.array([0, 5, 9, 11, 12.5, 17, 22, 26, 28.5, 31, 37, 46, 58, 72, 88, 105.0])
    angle = np.linspace(0, 2 * np.pi, 26, endpoint=False)
    theta = np.radians(rings)[:, None]
    points = np.stack(
        [
            np.sin(theta) * np.cos(angle),
            np.sin(theta) * np.sin(angle),
            np.broadcast_to(np.cos(theta), (len(rings), 26)),
        ],
        -1,
    ).reshape(-1, 3)
    faces = grid_faces(len(rings), 26, wrap=True)
    ring = np.repeat(rings, 26)
    white = np.tile(linear((226, 220, 214)), (len(points), 1))
    w = smoothstep(31, 28.4, ring)[:, None]
    disc = (
        iris
        * (1 + 0.35 * waves(points, 0.12, 30 + seed)[:, None])
        * (0.45 + 0.55 * smoothstep(30, 25, ring))[:, None]
    )
    colour = white * (1 - w) + disc * w
    w = smoothstep(12.6, 10.9, ring)[:, None]
    # faces of grid_faces wind so that the normal points inwards here; turn them
    return points, faces[:, ::-1], colour * (1 - w) + 0.004 * w


def add_hanging_hair(
    out: Builder,
    spec: Spec,
    eyes: np.ndarray,
    d: float,
    hair: np.ndarray,
    number: int,
) -> None:
    """Curtains of hair, bun, ponytail, scarf: what a shell over the scalp cannot give."""
    style = spec.hair_style
    if style in ("long", "bob", "fringe", "scarf"):
        length = {"long": 4.1, "bob": 2.15, "fringe": 2.9, "scarf": 3.3}[style]
        start = 66.0 if style != "scarf" else 50.0
        azimuth = np.radians(np.linspace(start, 360 - start, 72))
        drop = np.linspace(0, 1, 26)
        a, t = np.meshgrid(azimuth, drop)
        top = 0.75
        y = top - t * (length + top) + 0.06 * np.sin(a * 9 + number)
        flare = 1.0 + (0.10 if style != "scarf" else 0.30) * t**2
        tuck = np.where(style == "bob", 1 - 0.16 * smoothstep(0.75, 1.0, t), 1.0)
        radius_x, radius_z = 1.36 * flare * tuck, 1.58 * flare * tuck
        back = np.clip(-np.cos(a), 0, 1)
        x = radius_x * np.sin(a)
        z = (
            -1.35 + radius_z * np.cos(a) + 0.45 * back * smoothstep(0.35, 0.9, t)
        )  # hair falls in behind the neck
        points = np.stack([x, y, z], -1).reshape(-1, 3)
        ridge = 0.035 * waves(points * [1, 0.12, 1], 0.16, 40 + number)
        points = points * (1 + ridge[:, None] * [1, 0, 1])
        shade = np.clip(
            0.85
            + 0.30 * waves(points * [1, 0.06, 1], 0.07, 41 + number)
            + 0.12 * waves(points, 0.9, 42),
            0.3,
            2,
        )
        colour = (
            hair * shade[:, None]
            if style != "scarf"
            else np.tile(linear(spec.shirt) * 0.7, (len(points), 1)) * (0.9 + 0.1 * shade[:, None])
        )
        faces = grid_faces(26, 72, wrap=False)
        share = 1 - 0.5 * smoothstep(0.45, 1.0, t).ravel()
        out.add("hair", eyes + points * d, faces, np.clip(colour, 0, 1), share)
    if style == "bun":
        theta, phi = np.meshgrid(
            np.linspace(0.01, np.pi - 0.01, 16),
            np.linspace(0, 2 * np.pi, 24, endpoint=False),
            indexing="ij",
        )
        ball = np.stack(
            [np.sin(theta) * np.cos(phi), np.cos(theta), np.sin(theta) * np.sin(phi)], -1
        ).reshape(-1, 3)
        ball = ball * (1 + 0.06 * waves(ball, 0.5, 50 + number))[:, None] * [0.62, 0.55, 0.55] + [
            0,
            1.55,
            -2.65,
        ]
        shade = np.clip(0.8 + 0.35 * waves(ball * [1, 0.3, 1], 0.12, 51 + number), 0.3, 2)
        faces = grid_faces(16, 24, wrap=True)
        out.add("hair", eyes + ball * d, faces, np.clip(hair * shade[:, None], 0, 1), 1.0)
    if style == "ponytail":
        t = np.linspace(0, 1, 22)
        path = np.stack(
            [
                0.25 * t**2,
                1.1 - 3.6 * t**1.3 + 0.35 * np.sin(t * 2.2),
                -2.95 - 0.75 * np.sin(np.pi * np.clip(t * 1.1, 0, 1)) + 0.5 * t,
            ],
            -1,
        )
        radius = 0.34 * (np.sin(np.pi * (0.12 + 0.85 * t)) ** 0.6)
        points, faces = tube(path, radius, 14)
        shade = np.clip(0.8 + 0.35 * waves(points * [1, 0.1, 1], 0.1, 61 + number), 0.3, 2)
        share = np.repeat(1 - 0.3 * t, 14)
        out.add("hair", eyes + points * d, faces, np.clip(hair * shade[:, None], 0, 1), share)


def add_glasses(out: Builder, centres: list[np.ndarray], d: float, number: int) -> None:
    """Thin frames: two rims, a bridge, two temples."""
    left, right = centres
    rim_colour = np.array([[0.01, 0.01, 0.012], [0.05, 0.03, 0.02], [0.08, 0.08, 0.09]])[number % 3]
    front = 0.33 * d
    pieces = []
    for centre in (left, right):
        angle = np.linspace(0, 2 * np.pi, 33)
        power = 0.75  # between an ellipse and a rectangle
        x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power * 0.41 * d
        y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power * 0.30 * d - 0.06 * d
        bend = -0.10 * np.abs(x + (centre[0])) / d * 0.5 * d
        pieces.append(centre + np.stack([x, y, np.full_like(x, front) + bend], -1))
    for side, centre in ((1, left), (-1, right)):
        hinge = centre + [side * 0.41 * d, 0.05 * d, front - 0.05 * d]
        pieces.append(np.linspace(hinge, hinge + [side * 0.20 * d, 0.02 * d, -1.75 * d], 12))
    middle = (left + right) / 2 + [0, 0.04 * d, front]
    half = (left[0] - right[0]) / 2 - 0.41 * d
    t = np.linspace(-1, 1, 9)
    pieces.append(middle + np.stack([t * half, 0.05 * d * (1 - t**2), 0.06 * d * (1 - t**2)], -1))
    for path in pieces:
        points, faces = tube(path, np.full(len(path), 0.0018), 5)
        out.add("glasses", points, faces, rim_colour, 1.0)


def main(arguments: list[str]) -> None:
    step = arguments[0] if arguments else "bodies"
    if step in ("bodies", "crowd"):
        out, base, specs = PEOPLE_FILE, Base(face_details=step == "crowd"), SPECS
        if step == "crowd":
            out = Path(arguments[1])
            specs = crowd(
                int(arguments[2]), int(arguments[3]), list(base.model.local_change_labels)
            )
        people = []
        for i, spec in enumerate(specs):
            person = build(base, spec, i)
            print(person.name, len(person.points), "points", len(person.faces), "triangles",
                  flush=True)  # fmt: skip
            people.append(person)
        save_people(people, out)
        print(out.stat().st_size / 1e6, "MB")
    elif step == "landmarks":
        from tools.people_factory.bake_landmarks import measure

        model = np.load(arguments[1])
        face_model = model["fit_mean"].astype(float), model["fit_modes"].astype(float)
        out = Path(arguments[2]) if len(arguments) > 2 else PEOPLE_FILE
        save_people([measure(person, face_model) for person in load_people(path=out)], out)
    elif step == "check":
        from tools.people_factory.bake_landmarks import compare_with_networks

        compare_with_networks(Path(arguments[1]), Path(arguments[2]))
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
