"""The public benchmark sets: what is in them, whose they are and how to get them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Kind = Literal["clustered", "grouped", "bookshelf", "floorplan", "lefdef"]


@dataclass(frozen=True)
class Suite:
    """Designs that are compared with each other.

    Attributes:
        designs: Their names.
        kind: What their files are: a clustered netlist, a full one that is grouped when it is read,
            Bookshelf, blocks to be floorplanned, or LEF/DEF.
        about: What they are, in a line.
        sizes: How large they are.
        terms: On which terms their makers give them away.
        origin: Where they come from.
        by_hand: What to do to get those that chipflow does not fetch; empty where it fetches all.
    """

    designs: tuple[str, ...]
    kind: Kind
    about: str
    sizes: str
    terms: str
    origin: str
    by_hand: str = ""


@dataclass(frozen=True)
class FileSet:
    """A set that has no netlist to place.

    Attributes:
        about: What it is, in a line.
        terms: On which terms its makers give it away.
        origin: Where it comes from.
        by_hand: What to do to get it; empty where chipflow fetches it.
    """

    about: str
    terms: str
    origin: str
    by_hand: str = ""


_TILOS = "https://github.com/TILOS-AI-Institute/MacroPlacement"
_UNPACK = "unpack {} from that page into the folder {} of CHIPFLOW_DATA"


def _numbered(stem: str, numbers: range, form: str = "d") -> tuple[str, ...]:
    return tuple(f"{stem}{number:{form}}" for number in numbers)


SUITES: Mapping[str, Suite] = MappingProxyType(
    {
        "tilos": Suite(
            designs=("ariane133_ng45", "ariane136_ng45", "nvdla_ng45", "ariane136_asap7"),
            kind="clustered",
            about="clustered netlists made by Circuit Training, in NanGate45 and ASAP7",
            sizes="128 to 136 hard macros, 671 to 787 soft ones",
            terms="BSD-3-Clause",
            origin=_TILOS,
        ),
        "tilos_sky130hd": Suite(
            designs=("ariane133_sky130hd",),
            kind="grouped",
            about="as tilos, in SKY130HD; its full netlist is grouped when it is read",
            sizes="133 hard macros, 758 soft ones",
            terms="BSD-3-Clause",
            origin=_TILOS,
        ),
        "tilos_more": Suite(
            designs=(
                "mempool_tile_ng45",
                "ariane133_asap7",
                "nvdla_asap7",
                "mempool_tile_asap7",
                "ariane136_sky130hd",
                "nvdla_sky130hd",
            ),
            kind="grouped",
            about="TILOS's other designs, grouped when they are read; pinned by commit alone",
            sizes="20 to 136 hard macros, 561 to 787 soft ones",
            terms="BSD-3-Clause",
            origin=_TILOS,
        ),
        "iccad04": Suite(
            designs=_numbered("ibm", range(1, 19), "02d"),
            kind="bookshelf",
            about="mixed-size netlists from IBM's ISPD98 circuits, pads on the periphery",
            sizes="13,000 to 210,000 nodes, up to 786 macros (ibm05 has none)",
            terms="no licence text: research use",
            origin="https://github.com/mgwoo/RePlAce",
        ),
        "ispd2005": Suite(
            designs=(*_numbered("adaptec", range(1, 5)), *_numbered("bigblue", range(1, 5))),
            kind="bookshelf",
            about="placement contest of 2005, macros fixed",
            sizes="0.2 to 2.2 million nodes",
            terms="contest terms: research use",
            origin="https://www.ispd.cc/contests/05/contest.htm",
            by_hand=_UNPACK.format("NAME.tar.gz", "ispd2005/NAME"),
        ),
        "ispd2006": Suite(
            designs=("adaptec5", *_numbered("newblue", range(1, 8))),
            kind="bookshelf",
            about="placement contest of 2006, some macros movable; densities are not judged here",
            sizes="0.3 to 2.5 million nodes",
            terms="contest terms: research use",
            origin="https://www.ispd.cc/contests/06/contest/",
            by_hand=_UNPACK.format("NAME.tar.gz", "ispd2006/NAME"),
        ),
        "ispd2015": Suite(
            designs=(
                "mgc_des_perf_1",
                "mgc_des_perf_a",
                "mgc_des_perf_b",
                "mgc_edit_dist_a",
                "mgc_fft_1",
                "mgc_fft_2",
                "mgc_fft_a",
                "mgc_fft_b",
                "mgc_matrix_mult_1",
                "mgc_matrix_mult_2",
                "mgc_matrix_mult_a",
                "mgc_matrix_mult_b",
                "mgc_matrix_mult_c",
                "mgc_pci_bridge32_a",
                "mgc_pci_bridge32_b",
                "mgc_superblue11_a",
                "mgc_superblue12",
                "mgc_superblue14",
                "mgc_superblue16_a",
                "mgc_superblue19",
            ),
            kind="lefdef",
            about="detailed-routing-driven placement contest of 2015, with fences",
            sizes="27,000 to 1.3 million cells",
            terms="contest terms; Mentor Graphics's licence file comes with them",
            origin="http://www.ispd.cc/contests/15/web/downloads.html",
            by_hand=_UNPACK.format("the design's files", "ispd2015/NAME"),
        ),
        "ispd18": Suite(
            designs=_numbered("ispd18_test", range(1, 11)),
            kind="lefdef",
            about="designs of the routing contest of 2018, the first one without macros",
            sizes="9,000 to 290,000 cells",
            terms="contest terms: research use",
            origin="http://www.ispd.cc/contests/18/",
            by_hand=_UNPACK.format("NAME.tgz", "ispd18/NAME"),
        ),
        "ispd19": Suite(
            designs=_numbered("ispd19_test", range(1, 11)),
            kind="lefdef",
            about="designs of the routing contest of 2019, the first one without macros",
            sizes="9,000 to 900,000 cells",
            terms="contest terms: research use",
            origin="http://www.ispd.cc/contests/19/",
            by_hand=_UNPACK.format("NAME.tgz", "ispd19/NAME"),
        ),
        "gsrc": Suite(
            designs=("n10", "n30", "n50", "n100", "n200", "n300"),
            kind="floorplan",
            about="blocks to be floorplanned, without cells",
            sizes="10 to 300 blocks",
            terms="free, MIT-style",
            origin="http://vlsicad.eecs.umich.edu/BK/GSRCbench/",
        ),
        "gsrc_soft": Suite(
            designs=("n100_soft", "n200_soft", "n300_soft"),
            kind="floorplan",
            about="as gsrc, with blocks that may take other shapes of their area",
            sizes="100 to 300 blocks",
            terms="free, MIT-style",
            origin="http://vlsicad.eecs.umich.edu/BK/GSRCbench/",
        ),
        "mcnc": Suite(
            designs=("apte", "xerox", "hp", "ami33", "ami49"),
            kind="floorplan",
            about="blocks to be floorplanned, the classic ones",
            sizes="9 to 49 blocks",
            terms="free, MIT-style",
            origin="http://vlsicad.eecs.umich.edu/BK/MCNCbench/",
        ),
    }
)

FILE_SETS: Mapping[str, FileSet] = MappingProxyType(
    {
        "verilog-eval": FileSet(
            about="104 of VerilogEval v2's spec-to-RTL problems, with test benches",
            terms="MIT",
            origin="https://github.com/NVlabs/verilog-eval",
        ),
        "nangate45": FileSet(
            about="the library NanGate45 with memory macros and four designs",
            terms="Si2 Open Cell Library licence; BSD-3-Clause",
            origin="https://github.com/The-OpenROAD-Project",
        ),
        "rtllm": FileSet(
            about="RTLLM's 50 designs from descriptions",
            terms="MIT",
            origin="https://github.com/hkust-zhiyao/RTLLM",
            by_hand="clone the repository, into rtllm in CHIPFLOW_DATA",
        ),
        "cvdp": FileSet(
            about="CVDP's design problems with cocotb test benches",
            terms="see the data set's page",
            origin="https://github.com/NVlabs/cvdp_benchmark",
            by_hand="get the .jsonl files of nvidia/cvdp-benchmark-dataset from Hugging Face, into "
            "cvdp in CHIPFLOW_DATA",
        ),
    }
)
