"""The report's heatmap: the class's and each row's, with its text and table."""

from __future__ import annotations

from typing import Any

import numpy as np

from calibration.transform import Array
from gaze.report import figures, svg
from gaze.report.heatmap import top_of_scale
from gaze.report.page import Choice, Page, Table, each


def heat(page: Page) -> dict[str, Any]:
    """What ``_heat.html.j2`` needs; ``figure`` is None where there is nothing to draw."""
    if len(page.maps.students) < max(page.small, 1):
        return {"figure": None}
    layers = _layers(page)
    top = max(top_of_scale(layer.field) for layer in layers)
    figure = figures.figure_heatmap(
        layers, page.maps.grid, page.lesson.board, page.measures.area_list, page.words, top,
        page.photo,
    )  # fmt: skip
    said = [
        page.w("heat_said", students=a.students, n=page.num(a.points))
        for a in layers
    ]  # fmt: skip
    alt = _alt(page)
    still = svg.board_svg(page.maps.whole, page.maps.grid, page.lesson.board,
                          page.measures.area_list, top=top, label=alt)  # fmt: skip
    return {
        "figure": page.plot("fig-heat", figure, alt, still),
        "choices": [Choice(a.name, s) for a, s in zip(layers, said, strict=True)],
        "left_out": _left_out(page),
        "table": _table(page, page.maps.whole),
    }


def _layers(page: Page) -> list[figures.HeatLayer]:
    """The class, and each row with enough students."""
    maps = page.maps
    layers = [figures.HeatLayer(page.w("everybody"), maps.whole, len(maps.students),
                                maps.n_points, maps.mean_sigma_m)]  # fmt: skip
    for r in each(page.rows) if len(page.rows) > 1 else ():
        names = set(page.seats.loc[page.seats["row"].isin(r.rows).to_numpy(), "student"])
        at = [i for i, s in enumerate(maps.students) if s in names]
        if len(at) >= page.small:
            layers.append(figures.HeatLayer(
                page.row_name(r.rows), maps.maps[at].mean(0), len(at),
                int(maps.points[at].sum()), float(maps.sigma_m[at].mean()),
            ))  # fmt: skip
    return layers


def _alt(page: Page) -> str:
    maps, board = page.maps, page.lesson.board
    iy, ix = np.unravel_index(maps.whole.argmax(), maps.whole.shape)
    x, y = maps.grid.x_m, maps.grid.y_m
    on = ((x > 0) & (x < board.width_m))[None, :] & ((y > 0) & (y < board.height_m))[:, None]
    inside = float(maps.whole[on].sum()) * maps.grid.cell_m**2
    return page.words("heat_alt", x=page.num(x[ix], 1), y=page.num(y[iy], 1),
                      inside=page.pct(inside))  # fmt: skip


def _left_out(page: Page) -> str:
    names = page.maps.left_out
    if not names:
        return ""
    if page.class_only:
        return page.w("heat_left_out_n", n=page.count(len(names)))
    return page.w("heat_left_out", list=", ".join(names))


def _table(page: Page, field: Array) -> Table:
    """Shares of the drawn weight by cells of the board, left to right as the class sees it."""
    grid, board = page.maps.grid, page.lesson.board
    nx, ny = 10, 3
    ix = np.floor(grid.x_m / board.width_m * nx).astype(int)
    iy = np.floor(grid.y_m / board.height_m * ny).astype(int)
    head = [page.w("col_height")]
    for c in range(nx - 1, -1, -1):
        a, b = board.width_m * c / nx, board.width_m * (c + 1) / nx
        head.append(page.w("between_m", a=page.num(b, 1), b=page.num(a, 1)))
    body = [
        [
            page.w(name),
            *(
                page.share(field[np.ix_(iy == r, ix == c)].sum() * grid.cell_m**2, 1)
                for c in range(nx - 1, -1, -1)
            ),
        ]
        for r, name in enumerate(("top", "centre", "bottom"))
    ]
    return Table(head, body, page.w("heat_table"), numeric=range(1, nx + 1))
