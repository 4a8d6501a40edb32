"""Choose one row of every layer's table under budgets, with a proof of optimality. It knows no accelerator.

Where to start reading:
    problem                  tables, budgets, ties, objective
    select                   `solve`: the best selection and its proof; `prune`, `marginal`
    front, explain           Pareto fronts; which budgets conflict
    pareto, relaxation       what keeps problems small: dominated rows, Lagrangian bounds
    cpsat, highs             the two solvers
"""
