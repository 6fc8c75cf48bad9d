"""The proxy cost against the answers of the open evaluator and the headers of placements."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from placement_env.cost.model import cost_model
from placement_env.cost.proxy import evaluate, proxy_cost
from placement_env.formats import ct_protobuf, plc

DESIGNS = ["ariane133_ng45", "ariane136_ng45", "nvdla_ng45", "ariane136_asap7"]


@pytest.mark.parametrize("design", DESIGNS)
def test_cost_agrees_with_the_open_evaluator_and_the_header(
    data_file: Callable[[str], Path], design: str
) -> None:
    netlist, own = ct_protobuf.read(data_file(f"tilos/{design}/netlist.pb.txt.gz"))
    legalized = data_file(f"tilos/{design}/legalized.plc")
    netlist, placement = plc.read(legalized, netlist)
    assert netlist.grid

    cost = proxy_cost(netlist, placement)
    printed = _header_costs(legalized)
    assert f"{cost.wirelength:.4f}" == printed["Wirelength"]
    assert f"{cost.congestion:.4f}" == printed["Congestion"]
    assert f"{cost.density:.4f}" == printed["Density"]

    golden = np.load(data_file(f"tilos/{design}/golden_costs.npz"), allow_pickle=False)
    index = {name: node for node, name in enumerate(netlist.node_name)}
    nodes = [index[name] for name in golden["name"].tolist()]
    assert len(golden["smoothing"]) == 27
    for i, smoothing in enumerate(golden["smoothing"].tolist()):
        smoothed = replace(netlist, grid=replace(netlist.grid, smoothing=smoothing))
        model = cost_model(smoothed, own.orient)
        x, y = own.x_um.copy(), own.y_um.copy()
        x[nodes], y[nodes] = golden["x_um"][i], golden["y_um"][i]
        found = evaluate(model, x, y)
        assert found.wirelength == pytest.approx(golden["wirelength"][i], abs=1e-9)
        assert found.density == pytest.approx(golden["density"][i], abs=1e-9)
        assert found.congestion == pytest.approx(golden["congestion"][i], abs=1e-9)


def _header_costs(path: Path) -> dict[str, str]:
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    return dict(re.findall(r"^# (Wirelength|Congestion|Density) cost : (\S+)", text, re.M))
