"""Accuracy: quantisation, how much every layer's bit-width costs the network, and the hardware twin.

`sensitivity_of(workload, …)` in `archsim.numerics.estimate` makes a table of losses;
`archsim.numerics.sensitivity_files` reads and writes it.

Where to start reading about the twin:
    crossbar                            what it reads of an array, its converters and its cells
    network, quantised_network          the model's products; their whole numbers and scales
    twin                                the rewritten model
    weight_slices, row_groups           how weights lie in cells, which rows are converted together
    cells, converters, array_product    what one chip draws
    crossbar_nodes, noise_nodes         the nodes of a product on arrays
    full_scale, range_calibration       ADC steps from ranges, ranges from calibration inputs
    accuracy, chips, batch_norm, layer_statistics    measuring; accuracy_report: what is told
    faults                              memories below their safe voltage
"""
