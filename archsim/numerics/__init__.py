"""Accuracy: quantisation, and how much every layer's bit-width costs the network.

`sensitivity_of(workload, …)` in `archsim.numerics.estimate` makes a table of losses;
`archsim.numerics.sensitivity_files` reads and writes it.
"""
