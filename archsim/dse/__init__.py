"""Search: choose one row of every layer's table under budgets, with a proof of optimality."""
