"""LEF of a made memory macro: pins on the left edge, power stripes, obstructed lower metals."""

from __future__ import annotations

from collections.abc import Iterator

from chipflow.pdk.description import MemoryProcess
from chipflow.pdk.memory_array import MemoryArray

Box = tuple[float, float, float, float]  # x low, y low, x high, y high in um


def text(name: str, array: MemoryArray, process: MemoryProcess, label: str) -> str:
    """The LEF of one memory.

    Pins lie on `pin_layer`, two pin widths deep. VDD and VSS stripes alternate on `power_layer`.
    The macro may be mirrored but not turned, so that its pins stay on their layer's direction.
    """
    return "\n".join(_lines(name, array, process, label)) + "\n"


def _lines(name: str, array: MemoryArray, process: MemoryProcess, label: str) -> Iterator[str]:
    yield f"# {label}."
    yield 'VERSION 5.7 ;\nBUSBITCHARS "[]" ;\nDIVIDERCHAR "/" ;'
    yield f"MACRO {name}"
    yield "  CLASS BLOCK ;"
    yield "  ORIGIN 0 0 ;"
    yield f"  FOREIGN {name} 0 0 ;"
    yield f"  SIZE {array.width_um:g} BY {array.height_um:g} ;"
    yield "  SYMMETRY X Y ;"
    half = process.pin_width_um / 2
    for index, pin in enumerate(array.pins):
        y_um = array.pin_y_um(index, process)
        direction = "OUTPUT" if pin.startswith("rd_out") else "INPUT"
        box = (0.0, y_um - half, 2 * process.pin_width_um, y_um + half)
        use = "CLOCK" if pin == "clk" else "SIGNAL"
        yield from _pin(pin, direction, use, process.pin_layer, [box])
    stripes = _stripes(array, process)
    for pin, use in (("VDD", "POWER"), ("VSS", "GROUND")):
        yield from _pin(pin, "INOUT", use, process.power_layer, stripes[pin])
    yield "  OBS"
    for layer in process.blocked_layers:
        yield f"    LAYER {layer} ;"
        for box in _blocked(layer, array, process, [*stripes["VDD"], *stripes["VSS"]]):
            yield f"      RECT {_numbers(box)} ;"
    yield "  END"
    yield f"END {name}\n"
    yield "END LIBRARY"


def _stripes(array: MemoryArray, process: MemoryProcess) -> dict[str, list[Box]]:
    """Vertical power stripes over the full height, each kind at least once."""
    half_pitch = process.power_pitch_um / 2
    count = max(2, int((array.width_um - half_pitch / 2) / half_pitch))
    step = min(half_pitch, array.width_um / (count + 1))
    found: dict[str, list[Box]] = {"VDD": [], "VSS": []}
    for index in range(count):
        low = (index + 1) * step - process.power_width_um / 2
        box = (low, 0.0, low + process.power_width_um, array.height_um)
        found["VSS" if index % 2 else "VDD"].append(box)
    return found


def _blocked(
    layer: str, array: MemoryArray, process: MemoryProcess, stripes: list[Box]
) -> list[Box]:
    """The obstructions of a layer: all of it but the pins or stripes and a margin around them."""
    width, height = array.width_um, array.height_um
    if layer == process.pin_layer:
        return [(4 * process.pin_width_um, 0.0, width, height)]
    if layer != process.power_layer:
        return [(0.0, 0.0, width, height)]
    margin = process.power_width_um / 2
    edges = [0.0]
    for low, _, high, _ in sorted(stripes):
        edges += [low - margin, high + margin]
    edges.append(width)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(low, 0.0, high, height) for low, high in pairs if high > low + margin]


def _pin(name: str, direction: str, use: str, layer: str, boxes: list[Box]) -> Iterator[str]:
    yield f"  PIN {name}"
    yield f"    DIRECTION {direction} ;"
    yield f"    USE {use} ;"
    yield "    PORT"
    yield f"      LAYER {layer} ;"
    for box in boxes:
        yield f"        RECT {_numbers(box)} ;"
    yield "    END"
    yield f"  END {name}"


def _numbers(box: Box) -> str:
    return " ".join(f"{round(value, 3):.10g}" for value in box)
