"""The `cluster` family: RISC-V cores on a banked L1, DMA, L2 and L3, and a tensor engine beside the cores.

Where to start reading:
    spec                     the YAML
    machine                  the family's entry: options table, counted actions, timed program
    isa, kernel_libraries    what the cores' kernels are made of
    core_kernels, tcdm       what they cost on one tile, and conflicts in L1
    engines                  RBE, NE16 and N-EUREKA on one tile
    work, tile_work          who does a tile: cores, engine or both; what that makes of all tiles
    tiles, traffic, actions  tiles of L1 and L2, what they move, hold and make the units do
    movement, latency        what the transfers take, and between which bounds a layer is through
    residency, homes         whether weights stay in L2, and which activations are there between layers
    homes                    which activations are in L2 between layers
    space, blocks, pricing   what is tried, every plan priced for all its tiles at once
    interest, table, costs   what is kept of it, as the options table
    tile_program, program    the chosen rows as a graph for the kernel
    elementwise*             layers that are no contraction
"""
