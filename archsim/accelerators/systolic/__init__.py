"""The `systolic` family: arrays of multiply-accumulate units fed from a hierarchy of memories.

Where to start reading:
    spec                     the YAML
    machine                  the family's entry: options table, counted actions, timed program
    hierarchy                the memory list as tiers of buffers
    axes, extents            a layer's M, N and K axes cut into nested tiles, edges and halos exact
    nest, traffic            reuse analysis: how often each tile is brought in, bits through every memory
    stationary, folds        weight-, output- and input-stationary arrays in closed form
    unrolled                 free spatial unrolling with registers in the PEs
    pricing, table, costs    every mapping priced at once, as the options table
    contraction_program, vector_program, program    the chosen rows as a graph for the kernel
"""
