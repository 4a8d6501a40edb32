"""Sweeps: many designs simulated or searched, surviving whatever dies meanwhile."""
