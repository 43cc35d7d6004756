"""An output that goes nowhere, for benchmarks only."""
