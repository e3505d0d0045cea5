"""SDAM word by word, gates near identity, heads, losses, registry."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from headpose import rotation
from headpose.classes import HOPENET
from headpose.errors import ConfigError
from headpose.networks import NETWORKS, NetworkConfig, build
from headpose.networks.heads import LandmarkHead, rotation_of_sixd
from headpose.networks.sdam import CSAM, MRAM, SDAM, GroupNorm, apply_gate
from headpose.train import losses


def csam_naive(block: CSAM, x: torch.Tensor) -> torch.Tensor:
    """What :class:`CSAM` computes, as the paper writes it: Q, K, V in full."""
    n, c, h, w = x.shape
    q, k, v = (
        (x * block.scale[i][:, None, None] + block.shift[i][:, None, None]).reshape(n, c, h * w)
        for i in range(3)
    )
    attended = (q @ k.transpose(1, 2) / math.sqrt(h * w)).softmax(-1) @ v
    return apply_gate(x, attended.reshape(n, c, h, w).mean((2, 3), keepdim=True), block.gate)


@pytest.mark.parametrize("side", [2, 4, 8])  # fewer, as many and more pixels than channels
@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("gate", ["residual", "open", "plain"])
def test_csam_without_qkv_equals_the_naive_form(side: int, training: bool, gate: str) -> None:
    torch.manual_seed(side)
    block = CSAM(16, gate).double().train(training)
    torch.nn.init.normal_(block.scale)
    torch.nn.init.normal_(block.shift)
    x = torch.randn(3, 16, side, side, dtype=torch.double)
    assert (block(x) - csam_naive(block, x)).abs().max() < 1e-5
    # and the same gradients
    a = torch.autograd.grad(block(x).square().sum(), list(block.parameters()))
    b = torch.autograd.grad(csam_naive(block, x).square().sum(), list(block.parameters()))
    for p, q in zip(a, b, strict=True):
        assert (p - q).abs().max() < 1e-5 * (1 + q.abs().max())


def test_csam_at_the_size_of_a_real_stage() -> None:
    torch.manual_seed(0)
    block = CSAM(64).double()
    torch.nn.init.normal_(block.scale)
    x = torch.randn(2, 64, 32, 32, dtype=torch.double)
    assert (block(x) - csam_naive(block, x)).abs().max() < 1e-5


def test_group_norm_is_torchs_in_both_modes() -> None:
    torch.manual_seed(0)
    norm = GroupNorm(4, 16)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    x = torch.randn(3, 16, 7, 5) * 3 + 1
    expected = torch.nn.functional.group_norm(x, 4, norm.weight, norm.bias)
    for mode in (True, False):
        torch.testing.assert_close(norm.train(mode)(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("gate", ["residual", "open"])
def test_gates_start_near_identity(gate: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 12, 12).relu()
    y = SDAM(32, gate=gate)(x)
    assert y.shape == x.shape
    assert ((y - x).norm() / x.norm()).item() < 0.15


def test_the_bare_sigmoid_does_not() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 32, 12, 12).relu()
    y = SDAM(32, gate="plain")(x)
    assert (y.norm() / x.norm()).item() < 0.6


def test_mram_hierarchical_reaches_further_than_parallel() -> None:
    """A chained 3, 5, 7 sees 13 pixels, the largest parallel branch 7."""

    def reach(hierarchical: bool) -> int:
        block = MRAM(4, hierarchical).double().eval()
        for branch in block.branches:
            branch[1] = torch.nn.Identity()  # GroupNorm looks at the whole map
        x = torch.zeros(1, 4, 31, 31, dtype=torch.double)
        x[..., 15, 15] = 1e-3
        total, a = 0, x
        for branch in block.branches:
            a = branch(a if hierarchical else x)
            total = total + a
        seen = (total[0, 0].abs() > 0).nonzero()
        return int(seen.max() - seen.min() + 1)

    assert reach(True) == 13 and reach(False) == 7


def test_batch_normalised_gates_fold_into_their_convolutions() -> None:
    """What makes them cost nothing: an affine map per channel, whatever the picture."""
    torch.manual_seed(0)
    block = MRAM(8, norm="batch").double()
    for _ in range(3):
        block(torch.randn(4, 8, 9, 9, dtype=torch.double))  # running means that are not 0
    block.eval()
    x = torch.randn(2, 8, 9, 9, dtype=torch.double)
    expected = block(x)
    for branch in block.branches:
        branch[0] = torch.nn.utils.fuse_conv_bn_eval(branch[0], branch[1])
        branch[1] = torch.nn.Identity()
    torch.testing.assert_close(block(x), expected)


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_forward_and_backward(name: str) -> None:
    torch.manual_seed(0)
    net = build(NetworkConfig(name=name, backbone="resnet18", sdam_stages=(2, 3)))
    out = net(torch.randint(0, 256, (2, 3, 48, 48), dtype=torch.uint8))
    sum(v.square().mean() for v in out.values()).backward()
    assert all(torch.isfinite(v).all() for v in out.values())
    classes = name in ("hopenet", "dadl")
    assert ("logits" in out) == classes and ("sixd" in out) == (not classes)
    if classes:
        assert out["logits"].shape == (2, 3, 66)
    assert net.backbone.stem[0].weight.grad.abs().sum() > 0


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "mobilenet_v2"])
def test_backbones_give_four_stages(backbone: str) -> None:
    net = build(NetworkConfig(backbone=backbone)).eval()
    with torch.no_grad():
        maps = net.backbone(torch.zeros(1, 3, 64, 64))
    assert [m.shape[-1] for m in maps] == [16, 8, 4, 2]
    assert [m.shape[1] for m in maps] == net.backbone.channels


def test_unknown_network_and_stage() -> None:
    with pytest.raises(ConfigError, match="there are"):
        build(NetworkConfig(name="vgg"))
    with pytest.raises(ConfigError, match="sdam_stages"):
        build(NetworkConfig(name="sdam", backbone="resnet18", sdam_stages=(5,)))


def test_a_fresh_network_looks_into_the_camera() -> None:
    x = torch.tensor([[1.0, 0, 0, 0, 1.0, 0]])
    np.testing.assert_allclose(rotation_of_sixd(x)[0], np.eye(3), atol=1e-7)
    R = rotation_of_sixd(torch.randn(20, 6)).numpy()
    np.testing.assert_allclose(R @ R.transpose(0, 2, 1), np.tile(np.eye(3), (20, 1, 1)), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(R), 1, atol=1e-5)


def test_landmark_head_finds_the_peak_of_its_heat_map() -> None:
    """Its grid: a single hot cell decodes to that cell's centre, stretched by LANDMARK_SPAN."""
    from headpose.networks.heads import LANDMARK_SPAN

    head = LandmarkHead([8, 8, 8, 8], width=8).eval()

    class Hot(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            heat = torch.zeros(len(x), 68, *x.shape[-2:])
            heat[:, :, 2, 7] = 200.0
            return heat

    head.mix = Hot()
    maps = [torch.zeros(1, 8, s, s) for s in (20, 10, 5, 3)]
    points = head(maps)[0, 0].detach().numpy()
    expected = (np.array([7.5, 2.5]) / 10 - 0.5) * LANDMARK_SPAN + 0.5
    np.testing.assert_allclose(points, expected, atol=1e-5)


# -- losses ----------------------------------------------------------------------------------------


def test_rotation_error_equals_the_geodesic_and_its_gradient_is_finite() -> None:
    rng = np.random.default_rng(0)
    P = rotation.exp(rng.normal(0, 50, (40, 3)))
    R = P @ rotation.exp(rng.normal(0, 20, (40, 3)))
    found = losses.rotation_error_rad(torch.tensor(P), torch.tensor(R))
    np.testing.assert_allclose(np.degrees(found), rotation.geodesic_deg(P, R), atol=0.02)
    same = torch.tensor(P, requires_grad=True)
    losses.rotation_error_rad(same, torch.tensor(P)).sum().backward()
    assert torch.isfinite(same.grad).all()


def test_error_vector_is_the_log_in_the_heads_axes() -> None:
    rng = np.random.default_rng(1)
    P = rotation.exp(rng.normal(0, 50, (40, 3)))
    delta = rng.normal(0, 15, (40, 3))
    R = P @ rotation.exp(delta)
    found = losses.rotation_error_vector_deg(torch.tensor(P), torch.tensor(R))
    np.testing.assert_allclose(found, delta, atol=1e-6)


def outputs(n: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "sixd": torch.randn(n, 6, requires_grad=True),
        "landmarks": torch.rand(n, 68, 2, requires_grad=True),
        "log_sigma": torch.zeros(n, 3, requires_grad=True),
        "landmark_log_sigma": torch.full((n, 68), -3.0, requires_grad=True),
    }


def test_missing_landmarks_are_masked_not_nan() -> None:
    out = outputs()
    points = torch.full((4, 68, 2), math.nan)
    points[1] = 0.5
    R = torch.eye(3).expand(4, 3, 3)
    loss, parts = losses.multi_task_loss(out, R, points, torch.ones(4), losses.LossConfig())
    loss.backward()
    assert math.isfinite(parts["loss"])
    g = out["landmarks"].grad
    assert torch.isfinite(g).all() and g[1].abs().sum() > 0 and g[[0, 2, 3]].abs().sum() == 0


def test_a_teacher_is_believed_by_its_share_and_shows_points_that_nobody_annotated() -> None:
    points = torch.full((2, 68, 2), math.nan)
    points[0] = 0.5
    R, other = torch.eye(3).expand(2, 3, 3), torch.tensor(rotation.exp([[20.0, 0, 0]] * 2)).float()
    cfg = losses.LossConfig(log_sigma=0, label_sigma_deg=0)

    def gradient(R: torch.Tensor, opinion: losses.Opinion | None) -> dict[str, torch.Tensor]:
        out = outputs(2)
        losses.multi_task_loss(out, R, points, torch.ones(2), cfg, opinion)[0].backward()
        return {k: out[k].grad for k in ("sixd", "landmarks")}

    shown = torch.full((2, 68, 2), 0.25)
    taught = gradient(R, losses.Opinion(other, shown, torch.tensor([0.0, 0.3])))
    by_label, by_teacher = gradient(R, None), gradient(other, None)
    torch.testing.assert_close(taught["sixd"][0], by_label["sixd"][0])
    mixed = 0.7 * by_label["sixd"][1] + 0.3 * by_teacher["sixd"][1]
    torch.testing.assert_close(taught["sixd"][1], mixed)
    assert by_label["landmarks"][1].abs().sum() == 0
    # a step against the gradient takes the points of the second head towards the teacher's
    step = outputs(2)["landmarks"].detach()[1] - shown[1]
    assert (taught["landmarks"][1] * step).sum() > 0
    torch.testing.assert_close(taught["landmarks"][0], by_label["landmarks"][0])


def test_unsure_labels_count_less() -> None:
    out = outputs(2)
    R = torch.eye(3).expand(2, 3, 3)
    points = torch.full((2, 68, 2), math.nan)
    sigma = torch.tensor([1.0, 9.0])
    loss, _ = losses.multi_task_loss(out, R, points, sigma, losses.LossConfig(log_sigma=0))
    loss.backward()
    equal = outputs(2)
    cfg = losses.LossConfig(log_sigma=0, label_sigma_deg=0)
    losses.multi_task_loss(equal, R, points, sigma, cfg)[0].backward()
    ratio = out["sixd"].grad.norm(dim=1) / equal["sixd"].grad.norm(dim=1)
    # weights 1 / (1 + (sigma / 3)^2) = 0.9 and 0.1, mean 0.5
    np.testing.assert_allclose(ratio, [1.8, 0.2], rtol=1e-4)


def test_log_sigma_learns_the_size_of_the_errors() -> None:
    """The likelihood's minimum is at the errors' own deviation, and leaves the rotation alone."""
    delta = np.random.default_rng(0).normal(0, [2.0, 4.0, 1.0], (4000, 3))
    R = torch.tensor(rotation.exp(delta)).float()
    sixd = torch.tensor([[1.0, 0, 0, 0, 1.0, 0]]).expand(4000, 6).clone().requires_grad_()
    s = torch.zeros(1, 3, requires_grad=True)
    cfg = losses.LossConfig(geodesic=0, log_sigma=1.0)
    optimizer = torch.optim.Adam([s], 0.1)
    for _ in range(100):
        out = {"sixd": sixd, "log_sigma": s.expand(4000, 3)}
        loss, _ = losses.multi_task_loss(
            out, R, torch.full((4000, 68, 2), math.nan), torch.ones(4000), cfg
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    np.testing.assert_allclose(s.detach().exp()[0], [2.0, 4.0, 1.0], rtol=0.08)
    assert sixd.grad is None or sixd.grad.abs().max() == 0


def test_a_sigma_that_is_far_too_small_comes_back() -> None:
    """A likelihood that is cut off for large errors would push it to zero for ever."""
    s = torch.full((4, 68), -7.5, requires_grad=True)
    out = outputs() | {"landmark_log_sigma": s}
    points = torch.zeros(4, 68, 2)
    R = torch.eye(3).expand(4, 3, 3)
    losses.multi_task_loss(out, R, points, torch.ones(4), losses.LossConfig())[0].backward()
    assert (s.grad < 0).all(), "gradient descent raises every one of them"


def test_class_loss_is_the_printed_formula() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, 66, dtype=torch.double)
    angles = torch.tensor([[1.0, -20.0, 5.0], [33.0, 70.0, -8.0]], dtype=torch.double)
    from headpose.labels import soft_label_maker

    soft = torch.tensor(soft_label_maker("dadl_aflw2000", 66)(angles.numpy()))
    cfg = losses.LossConfig(hard=1, mse=3, soft=2)
    found, _ = losses.class_loss(logits, angles, soft, HOPENET, cfg)
    p = logits.softmax(-1).numpy()
    total = 0.0
    for i in range(2):
        for k in range(3):
            b = int(HOPENET.encode(angles[i, k].item()))
            ce = -math.log(p[i, k, b])
            mse = (p[i, k] @ HOPENET.centres_deg - angles[i, k].item()) ** 2
            q = soft[i, k].numpy()
            kl = sum(x * math.log(x / y) for x, y in zip(q, p[i, k], strict=True) if x > 1e-12)
            total += ce + 3 * mse + 2 * kl
    assert float(found) == pytest.approx(total / 2, rel=1e-6)


def test_soft_loss_is_zero_for_a_perfect_prediction() -> None:
    from headpose.labels import soft_label_maker

    angles = torch.tensor([[1.0, -20.0, 5.0]])
    soft = torch.tensor(soft_label_maker("dadl_aflw2000", 66)(angles.numpy()))
    cfg = losses.LossConfig(soft=1)
    found, _ = losses.class_loss((soft + 1e-30).log(), angles, soft, HOPENET, cfg)
    assert float(found) == pytest.approx(0, abs=1e-6)
