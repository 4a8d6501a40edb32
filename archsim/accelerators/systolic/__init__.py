"""The `systolic` family: arrays of multiply-accumulate units fed from a hierarchy of memories.

Where to start reading:
    spec                     the YAML
    machine                  the family's entry: options table, counted actions, timed program
    hierarchy                the memory list as tiers of buffers
    axes, extents, windows   a layer's M, N and K axes cut into nested tiles, edges and halos exact
    nest, traffic            reuse analysis: how often each tile is brought in, bits through every memory
    stationary, folds        weight-, output- and input-stationary arrays in closed form
    unrolled                 free spatial unrolling with registers in the PEs
    counts, pricing, costs   what a mapping does, free of bit-widths; prices as linear forms of that
    space, complete_axes, tile_sizes    which tilings and loop orders there are: all, or a geometric choice
    relaxation, best_rows    branch and bound over a complete space; schedule_bound: latency from above
    cheapest                 the one best row, where the table itself tells what rows cost
    contraction_options, table   what goes into the options table, and its columns
    findings                 what machines of one spec share: costs, tables of best rows
    nested_search            the best mapping behind two tiers of buffers, with a bound
    readable                 mappings as plain values, written and read back
    contraction_program, vector_program, program    the chosen rows as a graph for the kernel
"""
