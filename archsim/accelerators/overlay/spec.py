"""The YAML of an `overlay` accelerator: a device, one matrix engine, its buffers, the way to memory."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator

from archsim.accelerators.low_voltage import LowVoltage
from archsim.accelerators.spec import StrictModel
from archsim.components.fpga import DEVICES

Count = Annotated[int, Field(ge=1, le=65536)]
Capacity = Annotated[float, Field(gt=0, le=2**20)]
Power = Annotated[float, Field(ge=0, le=1e4)]


class Engine(StrictModel):
    """P_m × P_n × P_k multipliers: output pixels (or tokens), output channels and products at once."""

    pixels: Count = Field(1, description="P_m")
    channels: Count = Field(description="P_n")
    products: Count = Field(description="P_k")
    multiplier: Literal["dsp", "lut"] = "dsp"
    packs: bool = Field(True, description="narrow products share a DSP, so that more are made in a cycle")
    packing: dict[Annotated[int, Field(ge=1, le=16)], Annotated[int, Field(ge=1, le=8)]] = Field(
        default_factory=dict,
        description="products that share a DSP, by the widest weights in bits; default: as FINN's RTL packs",
    )
    pipeline_cycles: Annotated[int, Field(ge=0, le=10_000)] = Field(
        10, description="from a tile's first operands to its first sum"
    )


class NarrowRows(StrictModel):
    """Rows of mixed precision (Quasar-ViT): so many output channels of a layer have narrower weights."""

    weight_bits: Annotated[int, Field(ge=1, le=16)]
    share: Annotated[float, Field(gt=0, le=1)] = Field(description="of the output channels")


class Buffers(StrictModel):
    """On-chip buffers, double-buffered: each holds two tiles."""

    input_kib: Capacity
    weight_kib: Capacity
    output_kib: Capacity
    low_voltage: LowVoltage | None = Field(None, description="supply of the block RAMs (VCCBRAM)")


class Memory(StrictModel):
    """The way to DDR; default: the board's."""

    bandwidth_gb_s: Annotated[float, Field(gt=0, le=1e4)] | None = None
    efficiency: Annotated[float, Field(gt=0, le=1)] = Field(
        0.8, description="share of the peak that bursts get"
    )
    latency_cycles: Annotated[int, Field(ge=0, le=10**6)] = Field(
        60, description="of a transfer's first byte"
    )


class Host(StrictModel):
    power_w: Power = Field(0.0, description="of the processor, all the time")
    layer_us: Annotated[float, Field(ge=0, le=1e6)] = Field(0.0, description="software to start a layer")


class OverlaySpec(StrictModel):
    """A matrix engine that all layers share, on an FPGA."""

    family: Literal["overlay"]
    name: str = Field(min_length=1)
    description: str = ""
    device: str
    clock_mhz: Annotated[float, Field(ge=1, le=2000)]
    precision: str = Field("w8a8", description="what the engine is built for")
    engine: Engine
    buffers: Buffers
    narrow_rows: dict[str, NarrowRows] = Field(
        default_factory=dict, description="by layer or pattern: output channels with narrower weights"
    )
    memory: Memory = Field(default_factory=lambda: Memory.model_validate({}))
    vector_lanes: Count = Field(16, description="elementary operations a cycle of what is no matrix product")
    host: Host = Field(default_factory=lambda: Host.model_validate({}))

    @field_validator("device")
    @classmethod
    def _known(cls, device: str) -> str:
        if device not in DEVICES:
            raise ValueError(f"device {device!r} is not known; allowed: {', '.join(DEVICES)}")
        return device
