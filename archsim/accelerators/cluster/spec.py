"""The YAML of a `cluster` accelerator: RISC-V cores on a banked L1, a DMA to L2, perhaps L3 and a tensor
engine.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from archsim.accelerators.cluster.engines import EngineKind
from archsim.accelerators.cluster.isa import Isa
from archsim.accelerators.low_voltage import LowVoltage
from archsim.accelerators.operating_point import Operating, OperatingPoint
from archsim.accelerators.spec import StrictModel, Technology

Count = Annotated[int, Field(ge=1, le=1024)]
Cycles = Annotated[int, Field(ge=0, le=10**7)]
Capacity = Annotated[float, Field(gt=0, le=2**30)]
Rate = Annotated[float, Field(ge=1e-6, le=1e6)]
Cost = Annotated[float, Field(ge=0, le=1e9)]
Place = Literal["l2", "l3", "auto"]


class Overrides(StrictModel):
    """Figures that replace the component library's; energies and leakage at technology.vdd_v."""

    area_mm2: Cost | None = Field(None)
    leakage_mw: Cost | None = Field(None)


class Cores(Overrides):
    """The cores that work, without the one that only controls."""

    count: Count
    isa: Isa
    float_units: Count | None = Field(None, description="shared by all cores; default: one each")
    cycles_per_instruction: float = Field(1.0, gt=0.1, le=20)
    precision: str = Field("w8a8", description="of layers whose model is stored in floating point")
    active_pj: Cost | None = Field(None, description="a core's cycle at work, its instruction fetch included")
    idle_pj: Cost | None = Field(None, description="a core's cycle asleep")


class Engine(Overrides):
    """A tensor engine that reads and writes L1 beside the cores."""

    kind: EngineKind
    setup_cycles: Cycles = Field(0, description="to program it, a tile")
    shares_layers: bool = Field(True, description="engine and cores may do a tile's rows side by side")
    share_cycles: Cycles = Field(100, description="to divide a tile between engine and cores, and to join")
    active_pj: Cost | None = Field(None, description="a cycle at work, products and accesses to L1 apart")
    product_pj: Cost | None = Field(None, description="one product of 1-bit operands")
    energy_uncertainty: Annotated[float, Field(ge=1, le=100)] = Field(
        1.0, description="factor by which each of the two may be off, where they are given"
    )


class Memory(Overrides):
    """On chip; what is reserved (stacks, or the program's code and data) no tile may use."""

    capacity_kib: Capacity
    reserved_kib: Annotated[float, Field(ge=0)] = 0.0
    low_voltage: LowVoltage | None = Field(None, description="a supply apart from the rest")

    @property
    def room_bytes(self) -> float:
        """What weights and activations may take."""
        return (self.capacity_kib - self.reserved_kib) * 1024


class L1(Memory):
    banks: Count = Field(description="of 32-bit words, interleaved")
    read_pj: Cost | None = Field(None, description="of a 32-bit word")
    write_pj: Cost | None = Field(None, description="of a 32-bit word")


class Dma(StrictModel):
    """Between L2 and L1, both directions at once."""

    bytes_per_cycle: Rate = Field(8.0, description="in each direction")
    setup_cycles: Cycles = Field(0, description="to program and start a transfer")
    latency_cycles: Cycles = Field(0, description="of a transfer's first byte")
    line_cycles: Annotated[float, Field(ge=0, le=1e4)] = Field(
        1.0, description="more for every contiguous piece of a 2-D or 3-D transfer"
    )
    pj_per_byte: Cost | None = Field(None)


class L2(Memory):
    read_pj: Cost | None = Field(None, description="of a 64-bit word")
    write_pj: Cost | None = Field(None, description="of a 64-bit word")


class L3(StrictModel):
    """Memory off chip (or slow on it): weights, and activations too large for L2."""

    bandwidth_mb_s: Annotated[float, Field(ge=1e-3, le=1e7)] = Field(description="10^6 bytes a second")
    latency_ns: Cost = 0.0
    setup_cycles: Cycles = Field(0, description="to program and start a transfer")
    pj_per_byte: Cost
    leakage_mw: Cost = 0.0
    weights: Place = Field(
        "auto", description="where weights are when the network starts; auto: in l2 if the network fits"
    )


class Uncore(Overrides):
    """What runs whenever the clock does: interconnect, clock tree, controller."""

    active_pj: Cost = Field(description="a cycle")


class Overheads(StrictModel):
    """Run-time software between kernels."""

    layer_cycles: Cycles = Field(0, description="to start a layer")
    tile_cycles: Cycles = Field(0, description="to start a tile, beside what kernels and transfers count")


class ClusterSpec(StrictModel):
    """A cluster of RISC-V (or similar) cores."""

    family: Literal["cluster"]
    name: str = Field(min_length=1)
    description: str = ""
    technology: Technology
    cores: Cores
    engine: Engine | None = None
    l1: L1 | None = None
    dma: Dma | None = None
    l2: L2
    l3: L3 | None = None
    uncore: Uncore | None = None
    overheads: Overheads = Field(default_factory=lambda: Overheads.model_validate({}))
    operating: Operating = Field(default_factory=lambda: Operating.model_validate({}))
    operating_point: OperatingPoint | None = None

    @model_validator(mode="after")
    def _memories(self) -> ClusterSpec:
        if (self.l1 is None) != (self.dma is None):
            raise ValueError("l1 and dma go together: give both, or neither for cores that work in l2")
        if self.l1 is None and (self.engine is not None or self.l3 is not None):
            raise ValueError("an engine and an l3 need an l1 and a dma")
        for name, memory in (("l1", self.l1), ("l2", self.l2)):
            if memory is not None and memory.reserved_kib >= memory.capacity_kib:
                raise ValueError(f"{name}.reserved_kib must be less than its capacity_kib")
        return self
