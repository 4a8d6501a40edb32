"""The YAML of a `crossbar` accelerator: arrays of memory cells that multiply and add where the weights are.

Rows carry inputs, columns add up products. A macro is some arrays with their registers, a tile some macros
with a buffer, and the chip some tiles on a network.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from archsim.accelerators.crossbar.noise import Noise
from archsim.accelerators.low_voltage import LowVoltage
from archsim.accelerators.operating_point import Operating, OperatingPoint
from archsim.accelerators.spec import StrictModel, Technology
from archsim.components.crossbar_cell import ON_OHM

Count = Annotated[int, Field(ge=1, le=2**20)]
Bits = Annotated[int, Field(ge=1, le=16)]
Cost = Annotated[float, Field(ge=0, le=1e9)]
Size = Annotated[float, Field(gt=0, le=2**30)]
Time = Annotated[float, Field(gt=0, le=1e9)]
Rate = Annotated[float, Field(ge=1e-6, le=1e6)]
Encoding = Literal["offset", "differential", "twos_complement"]
CellKind = Literal["sram", "rram", "pcm"]
REGISTER_KIB = 1.0
"""Up to here a store is flip-flops, beyond it is an SRAM."""
AdcModel = Literal["survey", "zigzag", "neurosim", "isaac"]


class Cell(StrictModel):
    """One memory cell with what it multiplies by."""

    kind: CellKind
    bits: Annotated[int, Field(ge=1, le=8)] = 1
    area_um2: Cost | None = None
    read_fj: Cost | None = Field(
        None, description="energy of a cell's part in one slice, its share of the lines included, random data"
    )
    write_pj: Cost | None = Field(None, description="energy of writing a cell")
    row_write_ns: Time | None = Field(None, description="time to write a row of an array")
    on_ohm: Annotated[float, Field(ge=1.0, le=1e12)] | None = Field(
        None, description="of a resistive cell at its highest level"
    )
    read_v: Annotated[float, Field(gt=0, le=5)] | None = Field(
        None, description="voltage across a resistive cell when read"
    )

    @model_validator(mode="after")
    def _levels(self) -> Cell:
        if self.kind == "sram" and self.bits != 1:
            raise ValueError("an sram cell holds 1 bit; give a weight several cells (array.summed_slices)")
        if self.kind == "sram" and (self.on_ohm is not None or self.read_v is not None):
            raise ValueError("on_ohm and read_v are of resistive cells, not of sram")
        return self


class Array(StrictModel):
    """Cells, and how weights lie in them."""

    rows: Count
    columns: Count
    cell: Cell
    compute: Literal["analog", "digital"] = Field(
        "analog", description="columns add currents or charges, or each has an adder tree"
    )
    active_rows: Count | None = Field(None, description="added up at once; default: all")
    weight_encoding: Encoding = Field(
        "offset",
        description="unsigned with an offset that is subtracted afterwards, a column each for positive and "
        "negative weights, or two's complement bits with the sign bit in a column of its own",
    )
    summed_slices: Count = Field(
        1,
        description="columns of one weight that are added in analog, each by its weight, for one conversion",
    )
    subtract: Literal["digital", "analog"] = Field(
        "digital", description="differential columns are subtracted after or before conversion"
    )
    flip_columns: bool = Field(
        False,
        description="a column whose digits add up to more than half of the most holds their complements, so "
        "that a bit less of the ADC loses nothing (ISAAC)",
    )
    row_order: Literal["any", "kernel", "channel"] = Field(
        "any",
        description="which products of an output lie next to each other on the rows: all taps of a channel, "
        "or all channels of a tap",
    )
    read_ns: Time = Field(description="of one slice of the inputs, until the columns are sampled")
    window_ns: Annotated[float, Field(ge=0, le=1e9)] = Field(
        0.0, description="more for every input vector: of a pipeline that is emptied in between, say"
    )
    leakage_mw: Cost | None = Field(None, description="of one array with its drivers")


class Dac(StrictModel):
    """What drives a row with a slice of its input."""

    bits: Bits = Field(1, description="of the widest slice")
    kind: Literal["voltage", "pulse"] = Field(
        "voltage", description="levels of one step, or up to 2^bits - 1 pulses in as many steps"
    )
    energy_pj: Cost | None = Field(None, description="of one slice of all `bits`")
    area_um2: Cost | None = None


class Measured(StrictModel):
    """A known ADC; the model then only carries it to other resolutions and rates."""

    bits: Bits
    energy_pj: Cost | None = Field(None, description="of one conversion")
    area_um2: Cost | None = None


class Adc(StrictModel):
    """The converters of the columns."""

    bits: Bits
    kind: Literal["sar", "flash", "ramp"] = "sar"
    columns: Count = Field(description="that share one converter, one after the other")
    rate_msps: Rate | None = Field(
        None, description="10^6 conversions a second; default: its kind's, built for what is asked"
    )
    model: AdcModel = Field("survey", description="where energy and area come from")
    measured: Measured | None = None
    leakage_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="of the model's power that a converter at rest draws too"
    )


class Logic(StrictModel):
    """A part that acts once a conversion (an adder tree: once a column and slice)."""

    energy_pj: Cost | None = None
    area_um2: Cost | None = None


class ShiftAdd(Logic):
    bits: Annotated[int, Field(ge=4, le=64)] = Field(24, description="of its sums")


class Store(StrictModel):
    """A register or buffer. Energies are of a byte."""

    capacity_kib: Size
    built_as: Literal["sram", "edram"] = Field(
        "sram", description="beyond a register's size; embedded DRAM needs its four figures"
    )
    read_pj: Cost | None = None
    write_pj: Cost | None = None
    area_mm2: Cost | None = None
    leakage_mw: Cost | None = None
    low_voltage: LowVoltage | None = Field(None, description="a supply apart from the rest; SRAM only")

    @property
    def is_sram(self) -> bool:
        return self.capacity_kib > REGISTER_KIB and self.built_as == "sram"

    @model_validator(mode="after")
    def _cells(self) -> Store:
        figures = ("read_pj", "write_pj", "area_mm2", "leakage_mw")
        missing = [name for name in figures if getattr(self, name) is None]
        if self.built_as == "edram" and missing:
            raise ValueError(f"built_as: edram is not in the component library; give {', '.join(missing)}")
        if self.low_voltage is not None and not self.is_sram:
            raise ValueError(
                f"low_voltage is for SRAMs: not for embedded DRAM, and up to {REGISTER_KIB:g} KiB a store is "
                "flip-flops"
            )
        return self


class Buffer(Store):
    bytes_per_cycle: Rate = Field(64.0, description="between the buffer and the macros of its tile")
    bus_pj: Cost | None = Field(None, description="energy of moving a byte between buffer and macros")
    bus_area_mm2: Cost | None = None


class Tile(StrictModel):
    count: Count = Field(1, description="of tiles on the chip")
    macros: Count = Field(1, description="of a tile")
    arrays: Count = Field(1, description="of a macro")
    input_register: Store | None = Field(None, description="of a macro")
    output_register: Store | None = Field(None, description="of a macro")
    buffer: Buffer = Field(description="of a tile")
    other_mw: Cost = Field(0.0, description="drawn by a tile all the time beside these parts")
    other_mm2: Cost = Field(0.0, description="area of a tile beside these parts")


class Network(StrictModel):
    """Routers between tiles."""

    bytes_per_cycle: Rate = Field(32.0, description="into a tile")
    pj_per_byte: Cost | None = Field(None, description="of moving a byte to a neighbour")
    area_mm2: Cost | None = Field(None, description="of a tile's share of the routers")


class VectorUnit(StrictModel):
    """Digital lanes of a tile for what is no matrix product."""

    lanes: Count
    energy_pj: Cost | None = Field(None, description="of one operation")
    area_mm2: Cost | None = Field(None, description="of a tile's lanes")


class OffChip(StrictModel):
    """Where the network comes from, and activations that fit nowhere on the chip."""

    bandwidth_gb_s: Rate
    pj_per_bit: Cost = 8.0
    static_mw: Cost = Field(0.0, description="drawn all the time by the links")
    area_mm2: Cost = Field(0.0, description="of the links")


class CrossbarSpec(StrictModel):
    """A processing-in-memory accelerator."""

    family: Literal["crossbar"]
    name: str = Field(min_length=1)
    description: str = ""
    technology: Technology
    precision: str = Field("w8a8", description="its peak is given at; layers stored in floating point run at")
    composition: Literal["sequential", "pipelined"] = Field(
        "sequential", description="layer after layer, or every layer on arrays of its own, all at once"
    )
    reload_arrays: Annotated[int, Field(ge=0, le=2**20)] | None = Field(
        None,
        description="arrays that layers write anew, one after the other; other layers keep theirs. Default: "
        "none if the network fits, else all",
    )
    array: Array
    dac: Dac = Field(default_factory=lambda: Dac.model_validate({}))
    adc: Adc | None = Field(None, description="of analog arrays")
    adder_tree: Logic = Field(
        default_factory=lambda: Logic.model_validate({}), description="one a column, of digital arrays"
    )
    sample_hold: Logic | None = Field(None, description="one a column")
    shift_add: ShiftAdd = Field(default_factory=lambda: ShiftAdd.model_validate({}))
    tile: Tile
    network: Network | None = None
    vector_unit: VectorUnit
    offchip: OffChip
    noise: Noise = Field(default_factory=lambda: Noise.model_validate({}))
    operating: Operating = Field(default_factory=lambda: Operating.model_validate({}))
    operating_point: OperatingPoint | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> CrossbarSpec:
        array, adc = self.array, self.adc
        if (array.compute == "analog") != (adc is not None):
            raise ValueError("analog arrays need an adc, digital ones have none")
        if array.compute == "digital" and (array.cell.kind != "sram" or array.summed_slices > 1):
            raise ValueError("array.compute: digital needs sram cells and no summed_slices")
        if array.compute == "digital" and self.sample_hold is not None:
            raise ValueError("digital arrays have nothing to sample_hold")
        together = array.summed_slices > 1 or array.subtract == "analog"
        if array.flip_columns and (array.compute == "digital" or together):
            raise ValueError(
                "array.flip_columns is of analog columns converted one by one: no summed_slices, and "
                "subtract: digital"
            )
        if adc is not None and adc.columns > array.columns:
            raise ValueError(f"adc.columns is {adc.columns}, but the array has {array.columns} columns")
        if array.active_rows is not None and array.active_rows > array.rows:
            raise ValueError(f"array.active_rows is {array.active_rows}, but there are {array.rows} rows")
        if self.composition == "pipelined" and self.reload_arrays:
            raise ValueError("composition: pipelined keeps weights in the arrays; it has no reload_arrays")
        if (self.reload_arrays or 0) > self.arrays:
            raise ValueError(f"reload_arrays is {self.reload_arrays}, but the chip has {self.arrays} arrays")
        if self.tile.count > 1 and self.network is None:
            raise ValueError("several tiles need a network")
        return self

    @property
    def arrays(self) -> int:
        """Of the whole chip."""
        return self.tile.count * self.tile.macros * self.tile.arrays


def numeric_parameters(spec: CrossbarSpec) -> dict[str, int | float | str | None]:
    """What a layer's numbers depend on, as plain data: the geometry, the converters, and `Noise`'s fields.

    `adc_bits` is None for digital arrays, which compute exactly. `row_order` of a layer is in its mapping;
    "any" here means that the machine chooses.
    """
    array, adc = spec.array, spec.adc
    return {
        "rows": array.rows,
        "columns": array.columns,
        "active_rows": array.active_rows or array.rows,
        "row_order": array.row_order,
        "cell_bits": array.cell.bits,
        "cell_kind": array.cell.kind,
        "weight_encoding": array.weight_encoding,
        "summed_slices": array.summed_slices,
        "subtract": array.subtract,
        "flip_columns": array.flip_columns,
        "dac_bits": spec.dac.bits,
        "adc_bits": None if adc is None else adc.bits,
        "adc_columns": None if adc is None else adc.columns,
        "on_ohm": array.cell.on_ohm or ON_OHM,
        **spec.noise.model_dump(),
    }
