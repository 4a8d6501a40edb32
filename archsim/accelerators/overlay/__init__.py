"""One matrix engine on an FPGA that every layer uses in turn, with buffers on chip and the board's DDR."""
