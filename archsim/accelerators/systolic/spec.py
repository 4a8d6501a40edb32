"""The YAML of a `systolic` accelerator: array of PEs, memories from DRAM to registers, vector unit."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PositiveFloat, model_validator

from archsim.accelerators.low_voltage import LowVoltage
from archsim.accelerators.spec import Operand, StrictModel, Technology

Dimension = Literal["B", "G", "K", "C", "P", "Q", "R", "S"]
Size = Annotated[int, Field(ge=1, le=2**20)]
"""A count of PEs, bits or lanes: no chip has more of anything, and products of these stay exact."""

Capacity = Annotated[float, Field(gt=0, le=2**40)]
Unrolling = dict[Dimension, Size]
Bandwidth = Annotated[float, Field(ge=1e-6, le=1e9)]
Cost = Annotated[float, Field(ge=0, le=1e9)]
"""Energy, area or leakage of one part."""
RESERVED = ("mac", "pe_registers", "wires", "vector_unit", "compute")
"""Components that a result names beside the memories."""

OPERANDS: tuple[Operand, ...] = ("input", "weight", "output")


class Overrides(StrictModel):
    """Figures that replace the component library's."""

    area_mm2: Cost | None = Field(None, description="area of the whole component")
    leakage_mw: Cost | None = Field(None, description="leakage of the whole component")


class Dram(StrictModel):
    """The outermost memory; it holds every operand."""

    kind: Literal["dram"]
    name: str = "dram"
    device: str = Field("lpddr4", description="device kind: sets pJ/bit, bandwidth and latency")
    bandwidth_gb_s: Bandwidth | Literal["unlimited"] | None = Field(
        None, description="10^9 bytes a second, both directions together; default: the device's"
    )
    latency_ns: Cost | None = Field(None, description="of a layer's first transfer; default: the device's")
    read_pj_per_bit: Cost | None = Field(None)
    write_pj_per_bit: Cost | None = Field(None)


class OnChipMemory(Overrides):
    name: str = Field(min_length=1)
    holds: list[Operand] = Field(default_factory=lambda: list(OPERANDS), min_length=1)
    capacity_kib: Capacity | None = Field(None, description="KiB (1024 bytes); or give capacity_bytes")
    capacity_bytes: Capacity | None = Field(None, description="bytes; or give capacity_kib")
    word_bits: Size = Field(64, description="bits of one access")
    read_pj: Cost | None = Field(None, description="energy of reading one word")
    write_pj: Cost | None = Field(None, description="energy of writing one word")
    low_voltage: LowVoltage | None = Field(None, description="supply of an SRAM apart from the rest")

    @property
    def capacity_bits(self) -> int:
        kib, size = self.capacity_kib, self.capacity_bytes
        return int((kib * 1024 if kib is not None else size or 0) * 8)

    @model_validator(mode="after")
    def _one_capacity(self) -> OnChipMemory:
        if (self.capacity_kib is None) == (self.capacity_bytes is None):
            raise ValueError("give exactly one of capacity_kib and capacity_bytes")
        if len(set(self.holds)) != len(self.holds):
            raise ValueError("holds names an operand twice")
        if self.capacity_bits < self.word_bits:
            raise ValueError(f"capacity is less than one word of {self.word_bits} bits")
        return self


class Sram(OnChipMemory):
    """A buffer shared by the whole array."""

    kind: Literal["sram"]
    banks: Size = 1
    ports: Literal["1rw", "1r1w", "2rw"] = "1rw"
    bandwidth_bits_per_cycle: Bandwidth | None = Field(
        None, description="per port; default: the array is always fed"
    )
    double_buffered: bool = True


class Register(OnChipMemory):
    """Storage inside every PE; the other figures are those of one PE's."""

    kind: Literal["register"]
    built_as: Literal["flip_flops", "sram"] = "flip_flops"

    @model_validator(mode="after")
    def _supply(self) -> Register:
        if self.low_voltage is not None and self.built_as != "sram":
            raise ValueError("low_voltage is for SRAMs: give it with built_as: sram")
        return self


Memory = Annotated[Dram | Sram | Register, Field(discriminator="kind")]


class Mac(StrictModel):
    """One multiply-accumulate unit; energy and area default to the component library's for the precision."""

    accumulator_bits: int = Field(32, ge=8, le=64)
    library: Literal["horowitz", "aladdin"] = Field(
        "horowitz", description="source of integer figures; floating point is always Horowitz"
    )
    energy_pj: Cost | None = Field(None, description="of one MAC, at any precision")
    area_mm2: Cost | None = Field(None, description="of one MAC unit")
    leakage_mw: Cost | None = Field(None, description="of one MAC unit")


class Unroll(StrictModel):
    """Which loop dimensions are spread over the rows and the columns, and how widely."""

    rows: Unrolling = Field(default_factory=dict)
    columns: Unrolling = Field(default_factory=dict)


class Array(StrictModel):
    rows: Size
    columns: Size
    dataflow: Literal["weight_stationary", "output_stationary", "input_stationary", "unrolled"]
    unroll: Unroll | None = Field(None, description="for dataflow: unrolled")
    cores: Size = Field(1, description="arrays that share the memories and split every layer")
    overlap_folds: bool = Field(
        False, description="the next fold's stationary operand is loaded while this fold streams"
    )
    counts_from_zero: bool = Field(
        False, description="report the index of a layer's last cycle, as SCALE-Sim does, not the count"
    )
    wires_pj_per_bit: Cost | None = Field(
        None, description="from a buffer to the array; default: wires of half the chip's side"
    )
    mac: Mac = Field(default_factory=lambda: Mac.model_validate({}))
    mac_bits: str = Field("w8a8", description="the widest precision the MAC units are built for (their area)")

    @model_validator(mode="after")
    def _unrolling(self) -> Array:
        if (self.dataflow == "unrolled") != (self.unroll is not None):
            raise ValueError("unroll is given if and only if dataflow is unrolled")
        if self.unroll is not None:
            for side, limit in (("rows", self.rows), ("columns", self.columns)):
                spread = getattr(self.unroll, side)
                product = 1
                for width in spread.values():
                    product *= width
                if product > limit:
                    raise ValueError(
                        f"unroll.{side} {spread} takes {product} PEs, but the array has {limit} {side}"
                    )
            if self.cores != 1:
                raise ValueError("an unrolled array has one core; put the split into unroll instead")
        return self


class VectorUnit(StrictModel):
    """Runs what is no contraction; without one such layers run at memory speed and cost no operations."""

    lanes: Size = Field(description="elements a cycle")
    number_format: Literal["int8", "int16", "int32", "bf16", "fp16", "fp32"] = "fp16"
    area_mm2: Cost | None = Field(None)
    leakage_mw: Cost | None = Field(None)
    energy_pj: Cost | None = Field(None, description="of one elementary operation of any kind")
    cycles: dict[str, PositiveFloat] = Field(
        default_factory=lambda: {"exp": 4.0, "div": 4.0, "sqrt": 4.0},
        description="cycles of one lane per operation; 1 where not named",
    )


class SystolicSpec(StrictModel):
    """A systolic or spatially unrolled array accelerator."""

    family: Literal["systolic"]
    name: str = Field(min_length=1)
    description: str = ""
    technology: Technology
    array: Array
    memories: list[Memory] = Field(min_length=1)
    vector_unit: VectorUnit | None = None

    @model_validator(mode="after")
    def _hierarchy(self) -> SystolicSpec:
        names = [m.name for m in self.memories]
        if len(set(names)) != len(names):
            raise ValueError(f"two memories have one name: {', '.join(names)}")
        for name in set(names) & set(RESERVED):
            raise ValueError(
                f"a memory cannot be named {name!r}: results use {', '.join(RESERVED)} for other parts"
            )
        kinds = [m.kind for m in self.memories]
        if kinds[0] != "dram" or kinds.count("dram") != 1:
            raise ValueError(
                "memories are listed from DRAM to registers: exactly one dram, and it comes first"
            )
        if kinds != sorted(kinds, key=["dram", "sram", "register"].index):
            raise ValueError("memories are listed from DRAM to registers: sram before register")
        if self.array.dataflow != "unrolled" and "register" in kinds:
            raise ValueError(
                f"a {self.array.dataflow} array has its PE registers built in; "
                "list registers only with dataflow: unrolled"
            )
        self._check_registers()
        if "sram" not in kinds:
            raise ValueError("at least one sram is needed between the dram and the array")
        held = {operand for m in self.memories if isinstance(m, Sram) for operand in m.holds}
        if self.array.dataflow != "unrolled" and held != set(OPERANDS):
            missing = ", ".join(sorted(set(OPERANDS) - held))
            raise ValueError(f"no sram holds: {missing} (a {self.array.dataflow} array streams from sram)")
        return self

    def _check_registers(self) -> None:
        """A PE has one register an operand: mappings tile once between the buffers and the MAC."""
        holder: dict[str, str] = {}
        for memory in self.memories:
            for operand in memory.holds if isinstance(memory, Register) else ():
                if operand in holder:
                    raise ValueError(
                        f"registers {holder[operand]!r} and {memory.name!r} both hold {operand}s, and a PE "
                        "has one register an operand; say what each holds (holds: [weight]), or leave one out"
                    )
                holder[operand] = memory.name
