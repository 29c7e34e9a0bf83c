"""Graph-reasoning units, the comparisons and the controls, all with one interface."""
