from archsim.workloads.operation_counts import (
    activation_operations,
    layer_norm_operations,
    recurrent_gate_operations,
    softmax_operations,
)


def test_operations_of_a_row():
    assert softmax_operations(10) == {"max": 10, "add": 20, "exp": 10, "div": 10}
    # two rows of 4: two sums, minus the mean, plus the shift; one root a row
    assert layer_norm_operations(2, 4) == {"add": 32, "mul": 24, "sqrt": 2, "div": 2}
    assert activation_operations("relu6", 5) == {"max": 10}
    gates = recurrent_gate_operations(1)
    assert gates["exp"] == gates["div"] == 5
    assert gates["mul"] == 3 + 2
