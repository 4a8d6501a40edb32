"""The YAML of a `dataflow` accelerator: a device, a clock, what memories and multipliers stages may use."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from archsim.accelerators.low_voltage import LowVoltage
from archsim.accelerators.spec import StrictModel
from archsim.components.fpga import DEVICES, DspKind
from archsim.errors import InputError
from archsim.workloads.precision import Precision

WeightMemory = Literal["lutram", "bram", "uram", "stream"]
Multiplier = Literal["lut", "dsp"]
Count = Annotated[int, Field(ge=0, le=10**8)]
Positive = Annotated[int, Field(ge=1, le=10**6)]
Share = Annotated[float, Field(gt=0, le=1)]
Power = Annotated[float, Field(ge=0, le=1e4)]


class CustomDevice(StrictModel):
    """A device that is not in the list: what it has."""

    node_nm: float = Field(ge=7, le=180)
    lut: Count
    ff: Count | None = Field(None, description="default: two a LUT")
    bram18: Count
    uram: Count = 0
    dsp: Count
    dsp_kind: DspKind = "dsp48e2"
    static_w: Power = Field(description="power with the clock off")
    ddr_gb_s: Annotated[float, Field(gt=0, le=1e4)] = 4.2
    dma_bits: Positive = 64


class AsicDevice(StrictModel):
    """A chip of its own, of standard cells: every product has a multiplier, every weight its registers."""

    node_nm: float = Field(ge=7, le=180)
    vdd_v: Annotated[float, Field(gt=0, le=5)] | None = Field(None, description="default: the node's nominal")
    area_mm2: Annotated[float, Field(gt=0, le=1e4)] | None = Field(None, description="at most; default: any")
    placement_density: Share = Field(0.7, description="share of the area that cells fill")
    register_copies: Annotated[int, Field(ge=1, le=9)] = Field(
        1, description="3: triplicated, against upsets"
    )
    glitch_factor: Annotated[float, Field(ge=1, le=10)] = Field(
        1.0, description="energy of a product over that of a pipelined one"
    )
    static_w: Power = 0.0


class Usable(StrictModel):
    """Shares of the device that the stages may take; FINN's guidance for what still can be placed."""

    lut: Share = 0.7
    ff: Share = 0.5
    bram18: Share = 0.8
    uram: Share = 0.8
    dsp: Share = 0.8


class Reserved(StrictModel):
    """What the shell (DMA, DDR controller, network) takes before any stage."""

    lut: Count = 0
    ff: Count = 0
    bram18: Count = 0
    uram: Count = 0
    dsp: Count = 0


class Folding(StrictModel):
    """How a layer is folded; what is left out is open."""

    pe: Positive | None = Field(None, description="rows (or channels) worked on at once")
    simd: Positive | None = Field(None, description="products of each of them at once")
    padding: Positive | None = Field(
        None,
        description="channels that its padding streams at once; default: the fewest that hold nothing up",
    )
    weights: WeightMemory | None = None
    multiplier: Multiplier | None = None


class Host(StrictModel):
    """The software around every input: a driver's call, its copies and interrupts."""

    latency_us: Annotated[float, Field(ge=0, le=1e7)] = 0.0
    power_w: Power = Field(0.0, description="of the processor, all the time")


class DataflowSpec(StrictModel):
    """A streaming pipeline on an FPGA: one stage a layer."""

    family: Literal["dataflow"]
    name: str = Field(min_length=1)
    description: str = ""
    device: str | CustomDevice | AsicDevice
    io: Literal["stream", "parallel"] = Field(
        "stream", description="pixel by pixel, or whole tensors at once (hls4ml's io_parallel)"
    )
    clock_mhz: Annotated[float, Field(ge=1, le=2000)]
    precision: str = Field("w8a8", description="of layers whose model is stored in floating point")
    usable: Usable = Field(default_factory=lambda: Usable.model_validate({}))
    reserved: Reserved = Field(default_factory=lambda: Reserved.model_validate({}))
    weights: list[WeightMemory] = Field(default=["lutram", "bram", "uram"], min_length=1)
    multipliers: list[Multiplier] = Field(default=["lut", "dsp"], min_length=1)
    widest_weights_bits: Positive = Field(
        8192, description="of a stage's weight memory; beyond, tools and timing give out"
    )
    accumulator: Literal["data_types", "weights"] = Field(
        "data_types", description="width of sums: of any data of the types, or of a model's own weights (A2Q)"
    )
    accumulator_bits: dict[str, Positive] = Field(
        default_factory=dict, description="by layer or pattern; default: what `accumulator` says"
    )
    folding: dict[str, Folding] = Field(default_factory=dict, description="by layer or pattern")
    fifo_pixels: Positive = Field(2, description="room between stages, where nothing more is needed")
    fifo_sizing: Literal["enough", "smallest"] = Field(
        "enough", description="room that surely keeps the interval, or the least that does (takes longer)"
    )
    fifos: dict[str, Positive] = Field(
        default_factory=dict, description="pixels of room on a layer's input, as in add1.in1; default: sized"
    )
    host: Host = Field(default_factory=lambda: Host.model_validate({}))
    low_voltage: LowVoltage | None = Field(
        None, description="supply of an FPGA's block RAMs and UltraRAMs (VCCBRAM)"
    )

    @field_validator("device")
    @classmethod
    def _known(cls, device: str | CustomDevice | AsicDevice) -> str | CustomDevice | AsicDevice:
        if isinstance(device, str) and device not in DEVICES:
            raise ValueError(f"device {device!r} is not known; allowed: {', '.join(DEVICES)}")
        return device

    @model_validator(mode="after")
    def _sensible(self) -> DataflowSpec:
        if self.low_voltage is not None and isinstance(self.device, AsicDevice):
            raise ValueError("low_voltage is for block RAMs; a chip of standard cells keeps all in registers")
        try:
            Precision.parse(self.precision)
        except InputError as error:
            raise ValueError(f"precision: {error}") from None
        return self
