"""The `crossbar` family: arrays of memory cells that multiply and add where the weights are.

Where to start reading:
    spec, noise              the YAML; `numeric_parameters` is what the hardware twin reads of it
    machine                  the family's entry: options table, counted actions, timed program
    layout                   how a layer's matrix lies on arrays
    ways                     everything that can be chosen for a layer
    site, costs              how long a slice takes; unit energies, areas
    job, traffic, actions    what a layer moves and does
    pricing, table           all ways priced at once, as the options table
    program, stages          the chosen rows as a graph for the kernel: one after the other, or a pipeline
    elementwise              layers that are no contraction
    mapping                  a row for readers
    peak                     what the whole chip does at its most
"""
