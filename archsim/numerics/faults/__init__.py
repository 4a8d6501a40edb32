"""Memories whose cells fail below their lowest safe voltage, and what that does to a network's numbers.

Where to start reading:
    cells                    the weak cells of a chip, drawn by seed: those at a BER hold at every higher one
    measured_map             the weak cells of a real chip, from a file
    encoding, secded         whole numbers as bits, words with check bits
    addresses                which word of which memory holds which number
    stored_weights           the weights as a chip reads them
    stored_activations       the same for activations, as nodes of the twin
    supply_sweep             accuracy over operating points and chips; fault_report: what is told
    ber_sensitivity          what a BER in each layer alone costs
"""
