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
    space, tile_sizes        which tilings and loop orders there are: all, or a geometric choice
    complete_axes, nested_axes    all tile sizes worth having, for one tier of buffers and for two
    best_rows                rows that no other beats
    cheapest_mappings, cheapest   the one cheapest row, of a listed space or of trees
    groups, relaxation       branch and bound over a complete space; schedule_bound: latency from above
    candidate_tree, tree_search    branch and bound over nested tiles, which are too many to list
    contraction_options, table   what goes into the options table, and its columns
    seen                     mappings counted for one machine and priced again for the next
    findings, row_facts      what machines share: of one spec, or alike in what a row does
    readable                 mappings as plain values, written and read back
    contraction_program, vector_program, program    the chosen rows as a graph for the kernel
    layer_steps, walk        their latency without it
"""
