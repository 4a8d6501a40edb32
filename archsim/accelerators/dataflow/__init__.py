"""Streaming pipelines on an FPGA: one stage a layer, each folded to its share of the device (FINN style)."""
