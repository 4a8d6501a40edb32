"""The `cluster` family: RISC-V cores on a banked L1, DMA, L2 and L3, and a tensor engine beside the cores.

Where to start reading:
    spec                     the YAML
    machine                  the family's entry: options table, counted actions, timed program
    isa, tcdm, core_kernels  what the cores' kernels cost on one tile
    engines                  RBE, NE16 and N-EUREKA on one tile
    work                     who does a tile: cores, engine or both
    tiles, traffic, actions  tiles of L1 and L2, what they move, hold and make the units do
    pricing, table, costs    every tiling priced at once, as the options table
    tile_program, program    the chosen rows as a graph for the kernel
    elementwise*             layers that are no contraction
"""
