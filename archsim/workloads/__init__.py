"""Workloads: layers, the graph they form, ONNX import and layer traces."""
