//! Tests of processes and signals.
