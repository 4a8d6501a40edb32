"""The technology tables everything is scaled with.

Stillmaker & Baas, "Scaling equations for the accurate prediction of CMOS device performance from
180 nm to 7 nm", Integration, the VLSI Journal 58 (2017) 74-81: Table 4 (area), Table 5 (polynomials in
the supply for the delay and energy of a fan-out-of-4 inverter, HSPICE with PTM and ITRS models).
"""

# Table 4, row of 7 nm: area(node) / area(7 nm), geometric mean of ITRS feature size, half pitch and gate area
RELATIVE_AREA = {
    180: 320.0, 130: 110.0, 90: 48.0, 65: 25.0, 45: 17.0, 32: 7.8,
    20: 3.6, 16: 3.2, 14: 2.9, 10: 1.7, 7: 1.0,
}  # fmt: skip

# Table 5: energy factor a2 V^2 + a1 V + a0. Bulk to 65 nm, low-power high-k at 45 and 32 nm, multi-gate
# high-performance from 20 nm: the selection Accelergy and hwcomponents make.
ENERGY_POLYNOMIAL = {
    180: (0.0, 24.64, -17.98), 130: (7.171, -6.709, 2.904), 90: (4.762, -4.781, 2.092),
    65: (3.755, -4.398, 1.975), 45: (1.103, -0.362, 0.2767), 32: (0.9559, -0.7823, 0.471),
    20: (0.373, -0.1582, 0.04104), 16: (0.2958, -0.1241, 0.03024), 14: (0.2363, -0.09675, 0.02239),
    10: (0.2068, -0.09311, 0.02375), 7: (0.1776, -0.09097, 0.02447),
}  # fmt: skip

# Table 5: delay factor (ps) a3 V^3 + a2 V^2 + a1 V + a0. Bulk, then high-performance devices.
DELAY_POLYNOMIAL = {
    180: (0.0, 97.09, -356.7, 406.5), 130: (-76.65, 334.9, -493.4, 275.8),
    90: (-60.34, 262.5, -384.2, 210.9), 65: (-53.3, 230.4, -333.9, 178.6),
    45: (-501.6, 1567.0, -1619.0, 566.1), 32: (-1047.0, 2982.0, -2797.0, 873.5),
    20: (0.0, 34.63, -66.37, 41.15), 16: (0.0, 24.8, -47.52, 28.87),
    14: (-40.66, 109.2, -100.6, 35.92), 10: (-34.95, 93.65, -85.99, 30.4),
    7: (-28.58, 76.6, -70.26, 24.69),
}  # fmt: skip

# Supply: 45 nm and below (without 20) Table 2 of the same paper (ITRS); the rest Predictive Technology Model
NOMINAL_VDD_V = {
    180: 1.8, 130: 1.3, 90: 1.2, 65: 1.1, 45: 1.1, 32: 0.97,
    20: 0.9, 16: 0.86, 14: 0.86, 10: 0.83, 7: 0.8,
}  # fmt: skip

# Threshold of the alpha-power law (alpha = 1.3: Sakurai & Newton, JSSC 25(2) 1990), fitted by
# scripts/fit_components.py to the delay polynomials between 0.7 and 1 times the nominal supply; worst
# error 3 %. The cubics of 45 and 32 nm are not monotone there, so those two are left to interpolation.
THRESHOLD_V = {
    180: 0.524, 130: 0.399, 90: 0.440, 65: 0.457,
    20: 0.245, 16: 0.268, 14: 0.241, 10: 0.257, 7: 0.267,
}  # fmt: skip
