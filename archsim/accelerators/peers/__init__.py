"""Hardware files of other simulators, made into YAML of the `systolic` family."""
